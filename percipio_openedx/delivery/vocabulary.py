"""The names and words that answers are read by. Pure.

They are compared without case and separators. What stands in none of these lists says nothing, and nothing said is
doubt, never success.
"""

from __future__ import annotations

import re
from typing import Any

from percipio_openedx.delivery.statuses import Verdict, outcome_of
from percipio_openedx.enums import Outcome

ACCEPTED, REFUSED, DOUBT = (Verdict(outcome, 207) for outcome in (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.DOUBT))

ID = frozenset({"id", "statementid", "uuid", "stmtid"})
INDEX = frozenset({"index", "idx", "position", "statementindex", "itemindex", "item"})
STATUS = re.compile(r"(?:status|statuscode|httpcode)$|^(?:code|state|result|outcome)$")
# What the name of a member says of what stands under it, the first that fits.
_MEANINGS = (
    (re.compile(r"^err|fail|error|reject|invalid|refus|denied|exception|(?<!de)fault|unsuccess|^reasons?$"), REFUSED),
    (re.compile(r"^(?:un|not)[a-z]{3}|skip|ignor|drop|discard|pending|missing|remain|abort"), DOUBT),
    (re.compile(r"stored$|accepted|succe|created$|saved|inserted|imported|processed$|duplicate|^ok$|valid$"), ACCEPTED),
)
MESSAGE = frozenset({"message", "msg", "detail", "details", "description", "title", "info", "text", "body"})
# An echo of a statement, but for its id; its result is the learner's.
STATEMENT = frozenset(
    {"actor", "verb", "object", "result", "context", "timestamp", "stored", "authority", "version", "attachments"}
)
# Beside an id these add nothing to it.
HARMLESS = frozenset({"stored", "objecttype", "type", "createdat", "storedat", "receivedat", "updatedat", "created"})
_SUCCESS = frozenset(
    {
        *("ok", "success", "succeeded", "successful", "successfully", "accepted", "stored", "created", "saved"),
        *("received", "processed", "recorded", "submitted", "queued", "acknowledged", "done", "complete", "completed"),
    }
)
_BAD_WORDS = frozenset(
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
_UUID = re.compile(r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?")


def meaning_of(name: str) -> Verdict | None:
    """Return what a plain name says of what stands under it; None for one that is not known."""
    return next((verdict for pattern, verdict in _MEANINGS if pattern.search(name)), None)


def is_nothing(value: Any) -> bool:
    """Return whether an error, or a list of them, is empty."""
    if isinstance(value, str):
        return value.strip().lower() in ("", "none", "null", "false", "no", "0", "[]", "{}") or is_success(value)
    return not value


def is_success(text: str) -> bool:
    """Return whether a text says that all is well, and nothing else, as ``The statements were stored.`` does."""
    words = re.findall(r"[^\W_]+", text[:200].lower())
    return len(text) <= 200 and bool(_SUCCESS.intersection(words)) and _SUCCESS.union(_FILLING).issuperset(words)


def denies(text: str) -> bool:
    """Return whether a text speaks of something that went wrong."""
    return bool(_DENIES.search(_NO_ERRORS.sub("", text[:2000].lower())))


def plain(name: str) -> str:
    """Return a member's name without case and separators: ``statement_id`` and ``StatementId`` are one."""
    return name[:40].lower().replace("_", "").replace("-", "").replace(" ", "")


def bare(value: Any) -> Verdict | None:
    """Return what a status as number or digits, a boolean, or a word such as ``failed`` says."""
    if isinstance(value, bool):
        return ACCEPTED if value else REFUSED
    text = str(value).strip().lower() if isinstance(value, int | str) else ""
    if len(text) == 3 and text.isascii() and text.isdigit() and int(text) >= 200 and text != "207":
        return Verdict(_item_outcome(int(text)), int(text))
    if is_success(text) or plain(text) == "duplicate":
        return ACCEPTED
    return REFUSED if plain(text) in _BAD_WORDS else None


def _item_outcome(status: int) -> Outcome:
    """Return the outcome of one item's status. 409: it is known there. 403 and 404 are about a learner or course."""
    outcome = outcome_of(status)
    if outcome is Outcome.CONFLICT:
        return Outcome.ACCEPTED
    if outcome in (Outcome.NOT_FOUND, Outcome.TOO_LARGE) or status in (402, 403):
        return Outcome.REFUSED
    return Outcome.LATER if outcome is Outcome.UNAUTHORIZED else outcome


def id_of(value: Any) -> str:
    """Return a text of a UUID's form, as xAPI writes it; "" for anything else."""
    found = _UUID.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    return "-".join(found.groups()) if found else ""


def index_of(value: Any) -> int | None:
    """Return a number, or its digits, that can be a place in a request."""
    if isinstance(value, str) and len(value) <= 4 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000 else None
