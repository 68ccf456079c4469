"""Delivery: frozen statements leave for Percipio, and every answer is settled on their rows."""
