"""Operate a running installation: the work behind the management commands and parts of the admin."""
