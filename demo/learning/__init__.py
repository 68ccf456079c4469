"""The demo's own courses, commands and pages."""
