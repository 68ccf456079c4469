"""One entry of a 207's body: what it says, and of which statement. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.outcomes import outcome_of
from percipio_openedx.delivery.words import redacted

_ID = frozenset({"id", "statementid", "uuid", "stmtid"})
_INDEX = frozenset({"index", "idx", "position", "statementindex", "itemindex", "item"})
_STATUS = frozenset({"status", "statuscode", "code", "httpstatus", "httpstatuscode"})
_FLAG = frozenset({"success", "succeeded", "ok", "accepted", "stored", "valid", "issuccess"})
_ERROR = frozenset({"error", "errors", "errormessage", "reason", "failure", "exception", "failurereason", "errorcode"})
_WORDS = (
    *("error", "errormessage", "message", "errors", "reason", "failurereason", "failure", "exception"),
    *("detail", "details", "title", "description", "errorcode"),
)
_GOOD_WORDS = frozenset({"ok", "success", "succeeded", "successful", "accepted", "stored", "created", "duplicate"})
_BAD_WORDS = frozenset({"error", "failed", "failure", "fail", "rejected", "refused", "invalid", "bad_request"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said about one statement. ``words`` are redacted."""

    outcome: Outcome
    status: int | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A verdict and the key it stood under: an id or an index as text, or a place in a list of ``among`` entries."""

    verdict: Verdict
    key: str | int | None
    place: int = 0
    among: int = 0


def entry_of(item: Any, presumed: Outcome | None) -> Entry | None:
    """One entry. An object says more than a bare id, boolean or status, and a presumption fills what it leaves out."""
    if isinstance(item, Mapping):
        said = _plainly(item)
        verdict = _said(said) or _presumed(presumed, _words(said))
        return None if verdict is None else Entry(verdict, _key_in(said))
    bare = _of_bare(item)
    if bare is not None:
        return Entry(bare, None)
    if isinstance(item, str):
        key = key_of(item)
        verdict = _presumed(presumed, redacted(item))
        return None if verdict is None else Entry(verdict, key)
    if isinstance(item, int) and not isinstance(item, bool) and presumed is not None:
        return Entry(Verdict(presumed, 207), item)
    return None


def _said(said: Mapping[str, Any]) -> Verdict | None:
    """What an object says by itself: its status (or its error's) first, then a boolean, then any error."""
    words = _words(said)
    inner = said.get("error")
    for source in (said, _plainly(inner) if isinstance(inner, Mapping) else {}):
        for name in sorted(_STATUS & source.keys(), key=lambda name: name != "status"):
            verdict = _of_bare(source[name])
            if verdict is not None:
                return replace(verdict, words=words)
    for name in sorted(_FLAG & said.keys()):
        if isinstance(said[name], bool):
            return Verdict(Outcome.ACCEPTED if said[name] else Outcome.REFUSED, 207, words)
    if any(said.get(name) for name in _ERROR):
        return Verdict(Outcome.REFUSED, 207, words)
    return None


def _of_bare(value: Any) -> Verdict | None:
    """A status as number or digits, a boolean, or a word such as ``failed``."""
    if isinstance(value, bool):
        return Verdict(Outcome.ACCEPTED if value else Outcome.REFUSED, 207)
    text = str(value).strip().lower() if isinstance(value, int | str) else ""
    if len(text) == 3 and text.isascii() and text.isdigit() and int(text) >= 200:
        return Verdict(_item_outcome(int(text)), int(text))
    if text in _GOOD_WORDS:
        return Verdict(Outcome.ACCEPTED, 207)
    return Verdict(Outcome.REFUSED, 207) if text in _BAD_WORDS else None


def _item_outcome(status: int) -> Outcome:
    """The outcome of one item's status. 409: Percipio has it. 403 and 404 are about this learner or course here."""
    outcome = outcome_of(status)
    if outcome is Outcome.CONFLICT:
        return Outcome.ACCEPTED
    if outcome in (Outcome.NOT_FOUND, Outcome.TOO_LARGE) or status in (402, 403):
        return Outcome.REFUSED
    return Outcome.LATER if outcome in (Outcome.UNAUTHORISED, Outcome.PARTIAL) else outcome


def _presumed(outcome: Outcome | None, words: str) -> Verdict | None:
    return None if outcome is None else Verdict(outcome, 207, "" if outcome is Outcome.ACCEPTED else words)


def _words(said: Mapping[str, Any]) -> str:
    for name in _WORDS:
        value = said.get(name)
        if isinstance(value, Mapping):
            value = value.get("message") or value.get("reason") or value.get("detail")
        if isinstance(value, list):
            value = "; ".join(item for item in value[:5] if isinstance(item, str))
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return redacted(str(value))
    return ""


def _key_in(said: Mapping[str, Any]) -> str | int | None:
    """The id of an entry, its own or its statement's, else its index."""
    inner = said.get("statement")
    sources = (said, _plainly(inner)) if isinstance(inner, Mapping) else (said,)
    for names, kind in ((_ID, str), (_INDEX, int)):
        for source in sources:
            for name in sorted(names & source.keys()):
                if isinstance(key := _key_of_value(source[name]), kind):
                    return key
    return _key_of_value(inner)


def _key_of_value(value: Any) -> str | int | None:
    return key_of(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _plainly(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {plain(str(key)): inner for key, inner in value.items()}


def key_of(text: str) -> str | int | None:
    """An id (any text of a UUID's form) in lower case, or an index; None for anything else."""
    text = text.strip().lower()
    if len(text) == 36 and text.count("-") == 4:
        return text
    return int(text) if len(text) <= 4 and text.isascii() and text.isdigit() else None


def plain(name: str) -> str:
    """A member's name without case and separators: ``statement_id`` and ``StatementId`` are one."""
    return name[:40].lower().replace("_", "").replace("-", "").replace(" ", "")
