"""The operator's commands: thin faces of ``operations``."""
