#!/usr/bin/env python
"""Django's command line for the demo LMS."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Run a management command."""
    # The folder of this file would hide installed packages; its parent has the packages of this project.
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "demo.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
