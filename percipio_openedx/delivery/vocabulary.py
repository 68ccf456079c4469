"""The names and words that answers are read by. Pure.

They are compared without case and separators. What stands in none of these lists says nothing, and nothing said is
doubt, never success.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

ID = frozenset({"id", "statementid", "uuid", "stmtid"})
INDEX = frozenset({"index", "idx", "position", "statementindex", "itemindex", "item"})
STATUS = re.compile(r"(?:status|statuscode|httpcode)$|^(?:code|state|result|outcome)$")
_BAD = re.compile(r"^err|fail|error|reject|invalid|refus|denied|exception|(?<!de)fault|unsuccess|^reasons?$")
_DOUBTFUL = re.compile(
    r"^(?:un|not)(?=accept|deliver|found|handl|import|insert|process|sav|sent|stor)|skip|ignor|drop|discard|pending"
    r"|missing|remain|abort"
)
_GOOD = re.compile(r"stored$|accepted|succe|created$|saved|inserted|imported|processed$|duplicate|^ok$|valid$")
MESSAGE = frozenset({"message", "msg", "detail", "details", "description", "title", "info", "text", "body"})
WORDS = (
    *("error", "errormessage", "message", "errors", "reason", "failurereason", "failure", "exception", "fault"),
    *("faultstring", "detail", "details", "title", "description", "errorcode"),
)
# An echo of a statement, but for its id; its result is the learner's.
STATEMENT = frozenset(
    {"actor", "verb", "object", "result", "context", "timestamp", "stored", "authority", "version", "attachments"}
)
# Beside an id these add nothing to it.
HARMLESS = frozenset({"stored", "objecttype", "type", "createdat", "storedat", "receivedat", "updatedat", "created"})
_NOTHING = frozenset({"", "none", "null", "false", "no", "0", "[]", "{}"})
YES, NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
_SUCCESS = frozenset(
    {
        *("ok", "success", "succeeded", "successful", "successfully", "accepted", "stored", "created", "saved"),
        *("received", "processed", "recorded", "submitted", "queued", "acknowledged", "done", "complete", "completed"),
    }
)
BAD_WORDS = frozenset(
    {
        *("error", "errors", "failed", "failure", "fail", "fault", "rejected", "refused", "invalid", "badrequest"),
        *("denied", "forbidden", "unauthorized", "exception", "nok"),
    }
)
# What a Track record says of the learner, where it is echoed.
TRACK = frozenset({"started", "inprogress", "completed"})
# With these a text still says no more than that all is well.
_FILLING = frozenset(
    {
        *("a", "all", "and", "are", "been", "data", "event", "events", "has", "have", "http", "is", "message"),
        *("record", "records", "request", "statement", "statements", "the", "was", "were", "200", "201", "202"),
    }
)
_NO_ERRORS = re.compile(r"\b(?:no|0|zero|without|without any) (?:errors?|failures?|failed|rejected|invalid)\b")
_DENIES = re.compile(
    r"\b(?:not|cannot|can't|couldn't|unable|denied|malformed|missing|bad)\b|fail|error|reject|invalid|refus|exception"
    r"|unauthori|forbidden|exceed|timed? ?out|unavailable|unknown"
)


class Meaning(Enum):
    """What the name of a member, or of a list, says of what stands under it."""

    GOOD = "good"
    BAD = "bad"
    DOUBTFUL = "doubtful"


def meaning_of(name: str) -> Meaning | None:
    """The meaning of a plain name; None for one that is not known."""
    for pattern, meaning in ((_BAD, Meaning.BAD), (_DOUBTFUL, Meaning.DOUBTFUL), (_GOOD, Meaning.GOOD)):
        if pattern.search(name):
            return meaning
    return None


def is_nothing(value: Any) -> bool:
    """Whether an error, or a list of them, is empty."""
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING or is_success(value)
    return value is None or value is False or (isinstance(value, int | float | list | Mapping) and not value)


def is_success(text: str) -> bool:
    """Whether a text says that all is well, and nothing else: ``OK``, ``Created``, ``The statements were stored.``"""
    words = re.findall(r"[^\W_]+", text[:200].lower())
    return len(text) <= 200 and bool(_SUCCESS.intersection(words)) and _SUCCESS.union(_FILLING).issuperset(words)


def denies(text: str) -> bool:
    """Whether a text speaks of something that went wrong."""
    return bool(_DENIES.search(_NO_ERRORS.sub("", text[:2000].lower())))


def plain(name: str) -> str:
    """A member's name without case and separators: ``statement_id`` and ``StatementId`` are one."""
    return name[:40].lower().replace("_", "").replace("-", "").replace(" ", "")
