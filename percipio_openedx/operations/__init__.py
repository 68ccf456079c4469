"""What operators do to a running installation: the work behind the management commands, fit for the admin as well."""
