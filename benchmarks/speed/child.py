"""One measurement in a process of its own: ``python -m benchmarks.speed.child ROW CASE PACE``.

Prints its figures as JSON.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Set Django up, measure, print."""
    import django

    row, case, quick = sys.argv[1], sys.argv[2], sys.argv[3] == "quick"
    from benchmarks.speed.rows import row as row_of

    django.setup()
    print(json.dumps(row_of(row).cases[case].call(quick)))


if __name__ == "__main__":
    main()
