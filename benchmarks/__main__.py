"""The table of goals and figures: ``python -m benchmarks`` (``--help`` names the options)."""

from __future__ import annotations

from benchmarks.speed.command import main

if __name__ == "__main__":
    main()
