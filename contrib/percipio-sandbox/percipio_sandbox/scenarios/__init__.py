"""The named faults of the pretend Percipio."""
