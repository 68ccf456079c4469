"""Counts the dear calls to the platform, makes them as slow as a benchmark wants them, and breaks those that a test
wants broken (see ``faults``)."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from django.conf import settings

from demo.learning import faults

# Calls by name since the start of the process, or since a test cleared it.
CALLS: Counter[str] = Counter()


def platform_call(name: str, course_key: Any = None, user_id: int | None = None) -> None:
    """Note one call; waits for the seconds that the setting `DEMO_PLATFORM_DELAYS` has for this name.

    Raises what a test has chosen for this function, course and learner.
    """
    CALLS[name] += 1
    faults.strike(name, course_key, user_id)
    delay = settings.DEMO_PLATFORM_DELAYS.get(name, 0.0)
    if delay:
        time.sleep(delay)
