"""When to try again. Pure; nothing here sleeps: the answer is a time.

Full jitter over an exponentially growing span, capped, and for ever: a report is given up by a person only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from percipio_openedx.codes import Outcome

BASE = 5.0
CAP = 3600.0
LEAST = 1.0
# What is mended by people: asking every few seconds would only fill logs on both sides.
BASE_OF_PAUSE = 60.0
_PAUSES = (Outcome.UNAUTHORISED, Outcome.NOT_FOUND, Outcome.REFUSED)
LONGEST_RETRY_AFTER = 86400.0
_SPREAD = 30.0
# Seconds beyond which nothing is put off: what waits longer was put off by a clock that was wrong.
LONGEST_WAIT = max(CAP, LONGEST_RETRY_AFTER + _SPREAD)

Jitter = Callable[[float, float], float]


def delay(failures: int, outcome: Outcome, retry_after: float | None, jitter: Jitter) -> float:
    """Seconds until the next try.

    Arguments:
        failures: failed tries in a row, this one included (1 or more).
        outcome: of the last try; a refusal of the credentials waits longer.
        retry_after: seconds the server asked for; they are kept to (up to a day), with up to a tenth more so that not
            all workers come back in the same instant.
        jitter: ``random.uniform`` or its like.
    """
    if retry_after is not None:
        asked = min(max(retry_after, LEAST), LONGEST_RETRY_AFTER)
        return asked + jitter(0.0, min(asked / 10, _SPREAD))
    base = BASE_OF_PAUSE if outcome in _PAUSES else BASE
    # 2 ** 20 seconds are far beyond the cap, and larger exponents would overflow after years of failing.
    span = min(CAP, base * 2 ** min(max(failures, 1) - 1, 20))
    return max(LEAST, jitter(0.0, span))


def next_time(now: datetime, failures: int, outcome: Outcome, retry_after: float | None, jitter: Jitter) -> datetime:
    """The moment of the next try; see ``delay``."""
    return now + timedelta(seconds=delay(failures, outcome, retry_after, jitter))


def retry_after_of(header: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for: a number or an HTTP date (RFC 9110 10.2.3).

    None where there is no header or where it cannot be read; never negative, never more than a day.
    """
    text = (header or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_RETRY_AFTER)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    try:
        seconds = (when - now).total_seconds()
    except OverflowError:
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)
