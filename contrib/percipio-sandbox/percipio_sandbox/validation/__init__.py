"""What the sandbox accepts: xAPI 1.0.3 statements and Track records, checked without any library."""
