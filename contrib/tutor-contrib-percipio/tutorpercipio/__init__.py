"""Tutor plugin of percipio_openedx."""

__version__ = "1.0.0"
