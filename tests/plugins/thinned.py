"""``@pytest.mark.thinned(n)``: of a long table of cases, `make test` runs every n-th, and `make test-slow` the others.

Where a table has two dimensions, n has no divisor in common with either, so that each value of both is met.
"""

from __future__ import annotations

from collections import Counter

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the others slow, before pytest selects by markers."""
    seen: Counter[str] = Counter()
    for item in items:
        thinned = item.get_closest_marker("thinned")
        if thinned is None:
            continue
        name = item.nodeid.partition("[")[0]
        if seen[name] % thinned.args[0]:
            item.add_marker(pytest.mark.slow)
        seen[name] += 1
