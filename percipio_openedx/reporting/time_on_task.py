"""How long a learner worked. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

# A pause longer than this is not work (decided shape: "gaps over 30 minutes left out").
LONGEST_PAUSE = timedelta(minutes=30)


def seconds(times: Sequence[datetime]) -> int | None:
    """Whole seconds between the recorded moments, the long pauses left out; None where nothing can be known.

    Arguments:
        times: moments of activity, in order.
    """
    gaps = (later - earlier for earlier, later in pairwise(times))
    worked = sum((gap for gap in gaps if gap <= LONGEST_PAUSE), timedelta())
    return int(worked.total_seconds()) or None
