"""The statement resource that Percipio pulls: xAPI 1.0.3, GET and HEAD, from the outbox's rows."""
