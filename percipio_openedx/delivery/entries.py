"""What one value in the body of an answer says, and of which statement. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.statuses import outcome_of
from percipio_openedx.delivery.vocabulary import (
    BAD_WORDS,
    HARMLESS,
    ID,
    INDEX,
    MESSAGE,
    NO,
    STATEMENT,
    STATUS,
    TRACK,
    WORDS,
    YES,
    Meaning,
    denies,
    is_nothing,
    is_success,
    meaning_of,
    plain,
)
from percipio_openedx.delivery.words import redacted


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was said about one statement. ``words`` are redacted."""

    outcome: Outcome
    status: int | None = None
    words: str = ""


ACCEPTED, REFUSED, DOUBT = (Verdict(outcome, 207) for outcome in (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.DOUBT))


@dataclass(frozen=True, slots=True)
class Entry:
    """A verdict and where it stood: under an id, an index, or at a place of a list of ``among``.

    ``holds`` is the value itself.
    """

    verdict: Verdict
    id: str = ""
    index: int | None = None
    place: int = 0
    among: int = 0
    holds: Any = None


# An empty error: accepted, unless anything else is said.
_NO_ERROR = Verdict(Outcome.ACCEPTED)


def verdict_of(item: Mapping[Any, Any]) -> Verdict | None:
    """What an object says by itself: status, flags, errors, words; None where it says nothing.

    What says yes and no at once is ``Outcome.DOUBT``; but 409 means that Percipio has it, whatever is said beside.
    """
    signs = [sign for name, value in item.items() if (sign := _sign(plain(str(name)), value)) is not None]
    strong = [sign for sign in signs if sign is not _NO_ERROR]
    if not strong:
        return ACCEPTED if signs else None
    words = words_in(plainly(item))
    known = next((sign for sign in strong if sign.status == 409), None)
    if known is not None:
        return replace(known, words=words)
    outcomes = {sign.outcome for sign in strong}
    if Outcome.ACCEPTED in outcomes and len(outcomes) > 1:
        return replace(DOUBT, words=words)
    # An HTTP status says more than that there is an error, and an error more than its words.
    by_status = [sign for sign in strong if sign.status != 207] or strong
    if len({sign.outcome for sign in by_status} - {Outcome.DOUBT}) > 1:
        return replace(DOUBT, words=words)
    return replace(min(by_status, key=lambda sign: sign.outcome is Outcome.DOUBT), words=words)


def _sign(name: str, value: Any) -> Verdict | None:
    if STATUS.search(name) and meaning_of(name) is not Meaning.BAD:
        return verdict_of(value) if isinstance(value, Mapping) else bare(value)
    meaning = meaning_of(name)
    if meaning is Meaning.BAD:
        return _error(value)
    if meaning is Meaning.GOOD:
        return _flag(value)
    if name in MESSAGE and isinstance(value, str) and denies(value):
        return DOUBT
    return None


def _error(value: Any) -> Verdict:
    if is_nothing(value):
        return _NO_ERROR
    inner = verdict_of(value) if isinstance(value, Mapping) else None
    return inner if inner is not None and inner.outcome is not Outcome.ACCEPTED else REFUSED


def _flag(value: Any) -> Verdict | None:
    text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    return ACCEPTED if text in YES else REFUSED if text in NO else None


def bare(value: Any) -> Verdict | None:
    """What a status as number or digits, a boolean, or a word such as ``failed`` says."""
    if isinstance(value, bool):
        return ACCEPTED if value else REFUSED
    text = str(value).strip().lower() if isinstance(value, int | str) else ""
    if len(text) == 3 and text.isascii() and text.isdigit() and int(text) >= 200 and text != "207":
        return Verdict(_item_outcome(int(text)), int(text))
    if is_success(text) or plain(text) == "duplicate":
        return ACCEPTED
    return REFUSED if plain(text) in BAD_WORDS else None


def _item_outcome(status: int) -> Outcome:
    """The outcome of one item's status. 409: Percipio has it. 403 and 404 are about this learner or course here."""
    outcome = outcome_of(status)
    if outcome is Outcome.CONFLICT:
        return Outcome.ACCEPTED
    if outcome in (Outcome.NOT_FOUND, Outcome.TOO_LARGE) or status in (402, 403):
        return Outcome.REFUSED
    return Outcome.LATER if outcome is Outcome.UNAUTHORISED else outcome


def is_other_message(name: str, value: Any) -> bool:
    """Whether this is a message, or the word of a status, that says anything else than that all is well."""
    speaks = name in MESSAGE or bool(STATUS.search(name))
    is_word = isinstance(value, str) and bool(value.strip()) and plain(value) not in TRACK
    return speaks and is_word and not is_success(value) and bare(value) is None


def words_in(said: Mapping[str, Any]) -> str:
    """An object's words about an error, redacted."""
    for name in WORDS:
        value = said.get(name)
        if isinstance(value, Mapping):
            value = value.get("message") or value.get("reason") or value.get("detail") or value.get("faultstring")
        if isinstance(value, list):
            value = "; ".join(item for item in value[:5] if isinstance(item, str))
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return redacted(str(value))
    return ""


def keys_in(said: Mapping[str, Any]) -> tuple[str, int | None]:
    """The id of an entry, its own or its statement's ("" without), and its index (None without)."""
    inner = said.get("statement")
    sources = (said, plainly(inner)) if isinstance(inner, Mapping) else (said, {"id": inner, "index": inner})
    values = [(name, source[name]) for source in sources for name in sorted(source) if name in ID | INDEX]
    found = next((text for name, value in values if name in ID and (text := id_of(value))), "")
    index = next((number for name, value in values if name in INDEX and (number := index_of(value)) is not None), None)
    return found, index


def adds_nothing(said: Mapping[str, Any]) -> bool:
    """Whether an object only names a statement: beside the id stands nothing that could refuse it in other words."""
    for name, value in said.items():
        is_number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        is_harmless = name in HARMLESS and not isinstance(value, list | Mapping)
        if not (name in ID | INDEX or is_number or is_harmless or id_of(value)):
            return False
    return True


def without_statement(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an object says beside the statement that it echoes: its id, and what is not the statement's own."""
    if not {"actor", "verb"} <= item.keys():
        return item
    return {name: value for name, value in item.items() if name not in STATEMENT}


_UUID = re.compile(r"(?:urn:uuid:)?\{?([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})\}?")


def id_of(value: Any) -> str:
    """A text of a UUID's form, as xAPI writes it; "" for anything else."""
    found = _UUID.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    return "-".join(found.groups()) if found else ""


def index_of(value: Any) -> int | None:
    """A number, or its digits, that can be a place in a request."""
    if isinstance(value, str) and len(value) <= 4 and value.isascii() and value.isdigit():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000 else None


def plainly(value: Mapping[Any, Any]) -> dict[str, Any]:
    """An object with plain names."""
    return {plain(str(key)): inner for key, inner in value.items()}


def parsed(body: bytes | str) -> Any:
    """The list or object of JSON that a body is; None where it is none.

    An object that says one name twice contradicts itself (RFC 8259 4), and Python would keep the last: the whole answer
    is then read as an error.
    """
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        twice.extend(found if len(found) < len(pairs) else ())
        return found

    try:
        answer = json.loads(body, object_pairs_hook=once)
    except (ValueError, RecursionError):
        answer = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    if id_of(answer):
        # One statement was sent, and its id alone came back.
        return [answer]
    if twice:
        return {"error": "the answer says the same name twice"}
    return answer if isinstance(answer, list | dict) else None
