"""A small LMS that the plugin is shown, and tested, in."""
