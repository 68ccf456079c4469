"""Delivery: send frozen statements to Percipio and settle each answer on their rows."""
