"""Step 4: the frozen statements of ``statements`` leave for Percipio; every answer is settled on their rows."""
