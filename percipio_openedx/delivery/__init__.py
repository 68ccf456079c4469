"""Delivery: send the outbox's frozen statements to Percipio and settle each answer on their rows."""
