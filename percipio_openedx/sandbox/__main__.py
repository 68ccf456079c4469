"""`python -m percipio_openedx.sandbox`."""

from __future__ import annotations

import sys

from percipio_openedx.sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main())
