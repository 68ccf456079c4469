"""What an HTTP status means by itself, and the JSON of a body. Pure.

Sources: the error tables of Skillsoft's page *Tracking Content and Learning Activity*, xAPI 1.0.3 Communication 2.1.1
and 3.2, and RFC 9110 for the statuses that neither names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from percipio_openedx.enums import Outcome

# 407 is the site's own proxy, 421 and 423 are about the moment, 408, 425 and 429 say so themselves.
_LATER = frozenset({407, 408, 421, 423, 425, 429})
# About the address, not about what was sent: a wrong partner, a gateway in the middle of a deployment.
NOT_FOUND = frozenset({404, 405, 410})
_UNAUTHORIZED = frozenset({401, 402, 403})
_ACCEPTED = frozenset({200, 201, 202, 204})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said about one statement. ``words`` are redacted."""

    outcome: Outcome
    status: int | None = None
    words: str = ""


def outcome_of(status: int) -> Outcome:
    """The outcome of an HTTP status, body unseen. Every number has one.

    A redirect is never followed, so it is *later*, like every status that is neither success nor a client error: the
    way to Percipio is wrong, not the statement. 409 is told apart by the number of statements sent (``judgement``).
    """
    if status in _ACCEPTED:
        return Outcome.ACCEPTED
    if status == 207:
        return Outcome.PARTIAL
    if status in _UNAUTHORIZED:
        return Outcome.UNAUTHORIZED
    if status in NOT_FOUND:
        return Outcome.NOT_FOUND
    if status == 409:
        return Outcome.CONFLICT
    if status == 413:
        return Outcome.TOO_LARGE
    if 400 <= status < 500 and status not in _LATER:
        return Outcome.REFUSED
    return Outcome.LATER


def json_of(body: bytes | str) -> Any:
    """The JSON value of a body, or None where it is none (also for nesting too deep to read)."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
