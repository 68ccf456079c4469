"""Read the observed state from the LMS, by course run and in bulk."""
