"""Step 5: Percipio pulls. The xAPI 1.0.3 statement resource, GET and HEAD, from the rows of ``delivery``."""
