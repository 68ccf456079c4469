"""Tutor plugin of percipio_openedx."""

__version__ = "0.1.0"
