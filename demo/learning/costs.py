"""Counts the dear calls to the platform, and makes them as slow as a benchmark wants them."""

from __future__ import annotations

import time
from collections import Counter

from django.conf import settings

# Calls by name since the start of the process, or since a test cleared it.
CALLS: Counter[str] = Counter()


def platform_call(name: str) -> None:
    """Note one call; waits for the seconds that the setting `DEMO_PLATFORM_DELAYS` has for this name."""
    CALLS[name] += 1
    delay = settings.DEMO_PLATFORM_DELAYS.get(name, 0.0)
    if delay:
        time.sleep(delay)
