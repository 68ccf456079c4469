"""The line that no trouble of this plugin crosses: on the other side is a learner's request.

One of the two broad excepts of the package (the other is the delivery boundary).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Seconds between two warnings of one process: thousands of learners may meet the same missing table.
WARN_EVERY = 60.0

_warned_at: dict[str, float] = {}


def contained(where: str, call: Callable[[], object]) -> bool:
    """Do something whose failure must not reach the caller; say whether it was done.

    The log line names the class of the error only, since messages of databases and brokers quote values and addresses.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the boundary: see above
        now = time.monotonic()
        if now - _warned_at.get(where, -WARN_EVERY) >= WARN_EVERY:
            _warned_at[where] = now
            logger.warning("capture failed where=%s error=%s (later looks heal it)", where, type(error).__name__)
        return False
    return True
