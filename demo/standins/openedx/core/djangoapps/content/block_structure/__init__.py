"""Stand-in for the collected structures of courses, from which the platform counts and shows."""
