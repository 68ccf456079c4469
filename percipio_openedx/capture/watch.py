"""Whether anybody takes up what is noticed, seen from where it is noticed: the worker that would tell is the one that
may be missing.

In the thread that wakes workers, so at no learner's cost, and once in ten minutes for the whole LMS. What has waited
for too long is told as a worker would tell it (``operations.alerts``), and compacted, so that the table does not grow
with every act of people who are noticed already.
"""

from __future__ import annotations

import logging
import time

from django.core.cache import cache
from django.db import connections
from django.utils import timezone

logger = logging.getLogger(__name__)

# Seconds between two looks of the whole LMS.
EVERY = 600
# Seconds that a web process may use to compact.
COMPACTING = 5.0
KEY = "percipio_openedx:watched"

_checked_at = -float(EVERY)


def forget() -> None:
    """Forget when this process looked last."""
    global _checked_at
    _checked_at = -float(EVERY)


def check() -> None:
    """Look, unless somebody did lately.

    Raises:
        Exception: whatever database, cache or mail server raise; the caller contains it.
    """
    global _checked_at
    if time.monotonic() - _checked_at < EVERY:
        return
    _checked_at = time.monotonic()
    if not cache.add(KEY, 1, timeout=EVERY):
        return
    try:
        _check()
    finally:
        # This thread's own, which ends.
        connections.close_all()


def _check() -> None:
    # Here, so that the LMS's web processes start without any of it.
    from percipio_openedx.operations import alerts, status
    from percipio_openedx.reporting import compaction

    since = status.late_notice(timezone.now())
    if since is None:
        return
    logger.error("no worker looks at notices since=%s (see percipio_doctor)", f"{since:%Y-%m-%dT%H:%M:%SZ}")
    compaction.compact_late(COMPACTING)
    alerts.check(at_once=True)
