"""When to try again. Pure; nothing here sleeps: the answer is a time.

Full jitter over an exponentially growing span, capped, and for ever: a report is given up by a person only.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from percipio_openedx.enums import Outcome

BASE = 5.0
CAP = 3600.0
LEAST = 1.0
# What is mended by people, and an odd answer, which stays odd for a while: asking every few seconds would only fill
# logs on both sides.
BASE_OF_PAUSE = 60.0
_SLOWLY = (Outcome.UNAUTHORIZED, Outcome.NOT_FOUND, Outcome.REFUSED, Outcome.PLAIN, Outcome.DOUBT)
# What asks for more is a mistake: it would cost a day, and a person who looks.
LONGEST_RETRY_AFTER = 86400.0
_SPREAD = 30.0
# Seconds beyond which nothing is put off: what waits longer was put off by a clock that was wrong.
LONGEST_WAIT = max(CAP, LONGEST_RETRY_AFTER + _SPREAD)

Jitter = Callable[[float, float], float]


def delay(failures: int, outcome: Outcome, retry_after: float | None, jitter: Jitter) -> float:
    """Seconds until the next try.

    Arguments:
        failures: failed tries in a row, this one included (1 or more).
        outcome: of the last try; a refusal of the credentials waits longer, and so does doubt.
        retry_after: seconds the server asked for; they are kept to where they are a day or less, with up to a tenth
            more so that not all workers come back in the same instant.
        jitter: ``random.uniform`` or its like.
    """
    if retry_after is not None and retry_after <= LONGEST_RETRY_AFTER:
        asked = max(retry_after, LEAST)
        return asked + jitter(0.0, min(asked / 10, _SPREAD))
    base = BASE_OF_PAUSE if outcome in _SLOWLY else BASE
    # 2 ** 20 seconds are far beyond the cap, and larger exponents would overflow after years of failing.
    span = min(CAP, base * 2 ** min(max(failures, 1) - 1, 20))
    return max(LEAST, jitter(0.0, span))


def next_time(now: datetime, failures: int, outcome: Outcome, retry_after: float | None, jitter: Jitter) -> datetime:
    """The moment of the next try; see ``delay``."""
    return now + timedelta(seconds=delay(failures, outcome, retry_after, jitter))


def retry_after_of(header: str | None, now: datetime) -> float | None:
    """Seconds that a ``Retry-After`` header asks for: a number or an HTTP date (RFC 9110 10.2.3).

    None where there is no header, where it cannot be read, and where it asks for more than a day; never negative.
    """
    text = (header or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return _sane(float(text[:12]))
    seconds = seconds_until(text, now)
    return None if seconds is None else _sane(seconds)


def seconds_until(date: str, now: datetime) -> float | None:
    """Seconds from now to an HTTP date (RFC 9110 5.6.7), negative where it has passed; None where it is none."""
    try:
        when = parsedate_to_datetime(date)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now.timestamp()
    except (TypeError, ValueError, OverflowError, IndexError):
        return None


def _sane(seconds: float) -> float | None:
    return max(seconds, 0.0) if seconds <= LONGEST_RETRY_AFTER else None
