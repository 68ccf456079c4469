"""The commands, by the names by which Django finds them."""
