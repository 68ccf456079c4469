"""Parts of the harnesses that show that nothing is lost, doubled, out of order or sent for somebody else."""
