"""The second room: reading the truth from the LMS, by course and in bulk."""
