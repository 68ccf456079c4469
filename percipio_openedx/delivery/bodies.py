"""Read what a status means and what a success's body says of each statement. Pure.

Reads the bodies seen or likely: lists of ids, entries or objects by id, lists of failures or of stored statements,
counts, and messages for the whole request. An entry without an id is about the only statement sent. Anything else is
doubt, never success: the batch is retried in halves until the statement is alone (decision record 0014).

Sources: the error tables of Skillsoft's page *Tracking Content and Learning Activity*, xAPI 1.0.3 Communication 2.1.1,
2.1.2 and 3.2, and RFC 9110 for statuses that neither names.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from percipio_openedx.enums import Outcome
from percipio_openedx.redaction import redacted

_OUTCOMES: Mapping[int, Outcome] = {
    **dict.fromkeys((200, 201, 202, 204), Outcome.ACCEPTED),
    207: Outcome.PARTIAL,
    **dict.fromkeys((401, 402, 403), Outcome.UNAUTHORIZED),
    # About the address, not the content: a wrong partner, or a gateway during a deployment.
    **dict.fromkeys((404, 405, 410), Outcome.NOT_FOUND),
    # 407 is the site's own proxy, 421 and 423 are momentary, 408, 425 and 429 say so themselves.
    **dict.fromkeys((407, 408, 421, 423, 425, 429), Outcome.LATER),
    409: Outcome.CONFLICT,
    413: Outcome.TOO_LARGE,
}


def outcome_of(status: int) -> Outcome:
    """Return the outcome of an HTTP status, body unseen.

    Redirects are not followed and mean *later*, like all but success and client errors: the route is wrong, not the
    statement. 409 depends on the number of statements sent.
    """
    return _OUTCOMES.get(status, Outcome.REFUSED if 400 <= status < 500 else Outcome.LATER)


@dataclass(frozen=True, slots=True)
class StatementVerdict:
    """What was said of one statement; ``message`` is Percipio's message, redacted.

    ``is_unknown_learner``: it refuses the statement because it does not know the learner (``unknown_learner``).
    """

    outcome: Outcome
    status: int | None = None
    message: str = ""
    is_unknown_learner: bool = False


ACCEPTED, REFUSED, DOUBT = (
    StatementVerdict(outcome, 207) for outcome in (Outcome.ACCEPTED, Outcome.REFUSED, Outcome.DOUBT)
)

# Names and words are compared in lower case and without separators.
_ID = ("id", "statementid", "uuid")
_INDEX = ("index", "position")
_STATUS = re.compile(r"(?:status|statuscode|httpcode)$|^(?:code|result|outcome)$")
_FAILURE = re.compile(r"^err|fail|error|reject|invalid|refus|denied|exception|(?<!de)fault|^reasons?$")
_SUCCESS = re.compile(r"stored$|accepted|(?<!un)succe|created$|saved|inserted|^ok$")
_NEUTRAL = re.compile(r"^(?:ids?|uuids?|items?|data|records?|body|statementids?)$|(?:statements?|responses?|results?)$")
_MESSAGE = ("message", "msg", "detail", "details", "description", "title", "text", "body")
_REASON = ("message", "errormessage", "error", "errors", "reason", "faultstring", "detail", "description", "code")
# Add nothing to an id.
_HARMLESS = ("stored", "created", "objecttype", "type", *_ID)
# The learner's state in an echoed Track record.
_TRACK = ("started", "inprogress", "completed")
_GOOD_WORDS = frozenset(
    {
        *("ok", "success", "succeeded", "successful", "successfully", "accepted", "stored", "created", "saved", "true"),
        *("received", "processed", "recorded", "submitted", "queued", "acknowledged", "done", "complete", "completed"),
    }
)
_BAD_WORDS = frozenset(
    {"error", "failed", "failure", "fail", "rejected", "refused", "invalid", "denied", "forbidden", "false"}
)
# Filler that leaves a message meaning success.
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
_UUID = re.compile(r"([0-9a-f]{8})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{4})-?([0-9a-f]{12})")


@dataclass(frozen=True, slots=True)
class BodyReading:
    """The meaning of a body."""

    # Statements with a clear verdict, by index.
    verdicts: dict[int, StatementVerdict] = field(default_factory=dict)
    # The body contradicts itself or is not understood.
    is_torn: bool = False
    # The body says something about a statement that was sent, or about all.
    speaks: bool = False
    names_others: bool = False


def read(body: bytes, ids: Sequence[str], *, partial: bool) -> BodyReading:
    """Read the body of a success.

    Arguments:
        ids: the statements sent, in order.
        partial: the status is 207, so naming a statement does not mean that it was stored.
    """
    answer, places = parsed(body), {text.lower(): index for index, text in enumerate(ids)}
    if answer is None:
        return BodyReading()
    if not partial and places.keys() <= ids_in(answer):
        return BodyReading(dict.fromkeys(places.values(), ACCEPTED), speaks=True)
    remarks = remarks_of(answer, list(places), partial=partial)
    of_all = {remark.verdict.outcome for remark in remarks if not remark.id}
    said: dict[int, list[StatementVerdict]] = defaultdict(list)
    mentions = _mentions(answer)
    for remark in remarks:
        if remark.id in places:
            said[places[remark.id]].append(remark.verdict)
            mentions[remark.id] -= remark.mentions
    for text in places.keys() & +mentions:
        # Mentioned where it is not understood, for example in the message about another one.
        said[places[text]].append(DOUBT)
    agreed = {index: verdicts for index, verdicts in said.items() if len({one.outcome for one in verdicts}) == 1}
    clear = {index: verdicts[0] for index, verdicts in agreed.items() if verdicts[0].outcome is not Outcome.DOUBT}
    failed = {index: verdict for index, verdict in clear.items() if verdict.outcome is not Outcome.ACCEPTED}
    names_others = any(remark.id and remark.id not in places for remark in remarks)
    is_torn = len(clear) < len(said) or bool(of_all - {Outcome.ACCEPTED})
    if Outcome.REFUSED in of_all and not failed:
        clear = {}
    elif not is_torn and not names_others and len(failed) == len(clear) and (failed or of_all):
        # The failures were listed, or there are none: the others were stored.
        clear = dict.fromkeys(range(len(ids)), ACCEPTED) | failed
    return BodyReading(clear, is_torn, speaks=bool(said or of_all), names_others=names_others)


@dataclass(frozen=True, slots=True)
class Remark:
    """What a body says of one statement, or of all (id ""); ``mentions`` counts how often it names the id."""

    id: str
    verdict: StatementVerdict
    mentions: int = 0


def remarks_of(answer: Any, ids: Sequence[str], *, partial: bool) -> list[Remark]:
    """Return everything that a JSON list or object says; for the arguments see ``read``."""
    try:
        return list(_Reader(ids, partial=partial).remarks(answer, None))
    except RecursionError:
        return [Remark("", REFUSED)]


class _Reader:
    def __init__(self, ids: Sequence[str], *, partial: bool) -> None:
        self._sent = len(ids)
        # An entry without an id is about the one sent; without ids it does not matter which.
        self._only = {0: "any", 1: "".join(ids)}.get(len(ids), "")
        self._partial = partial

    def remarks(self, item: list[Any] | dict[str, Any], context: StatementVerdict | None) -> Iterator[Remark]:
        """Yield what a list or object says, given the verdict implied by its name (None: no meaning)."""
        items = item if isinstance(item, list) else [item]
        is_list = items is item
        entries = [_entry_of(one) for one in items]
        verdicts = [verdict_of(said) for text, said in entries if not text]
        successes = [one for one in verdicts if one is not None and one.outcome is Outcome.ACCEPTED]
        if is_list and context is None and items and len(items) == self._sent == len(successes):
            # As many as were sent, in any order.
            yield Remark("", ACCEPTED)
            return
        for (text, said), one in zip(entries, items, strict=True):
            # An error without an index may be a gateway's, about no statement.
            is_of_only = is_list and self._only and (context is not REFUSED or not said.keys().isdisjoint(_INDEX))
            if text or is_of_only:
                yield self._claim(text or self._only, said, one, context)
            elif not is_list:
                yield from self._container(one, context)
            else:
                # About an unknown statement.
                yield from self._container(one, DOUBT) if isinstance(one, dict) else ()
                yield Remark("", REFUSED if context is REFUSED or _is_denial(verdict_of(said)) else DOUBT)

    def _claim(self, text: str, said: Mapping[str, Any], item: Any, context: StatementVerdict | None) -> Remark:
        """Judge an entry by its own content and by the name of its list."""
        verdict, mentions = verdict_of(said), _mentions(item)[text]
        if context is REFUSED and (verdict is None or verdict.outcome is Outcome.DOUBT):
            verdict = replace(REFUSED, message=_words(said))
        elif verdict is None and (context or (mentions and not self._partial and _is_bare(said))):
            verdict = ACCEPTED
        agrees = context is None or (verdict is not None and _is_denial(verdict) is _is_denial(context))
        return Remark(text, verdict if verdict and agrees and context is not DOUBT else DOUBT, mentions)

    def _container(self, item: Mapping[str, Any], context: StatementVerdict | None) -> Iterator[Remark]:
        signs: dict[str, Any] = {}
        lists_failures = False
        for key, value in item.items():
            name = _plain(key)
            if text := id_of(key):
                said = _plainly(value) if isinstance(value, dict) else {"status": value}
                yield self._claim(text, {"ok": True} if context and _is_nothing(value) else said, {key: value}, context)
            elif not isinstance(value, list | dict):
                signs[name] = value
            elif context is REFUSED or (context is not DOUBT and _FAILURE.search(name)):
                lists_failures = lists_failures or bool(value)
                # An error without an id is about all.
                yield from list(self.remarks(value, REFUSED)) or [Remark("", REFUSED if value else ACCEPTED)]
            elif context is None and _SUCCESS.search(name):
                yield from list(self.remarks(value, ACCEPTED)) or [Remark("", DOUBT)]
            elif context is None and _NEUTRAL.search(name):
                is_list_of_none = not value and "id" in name
                yield from [Remark("", DOUBT)] if is_list_of_none else self.remarks(value, None)
            else:
                yield from self.remarks(value, DOUBT)
        yield from self._envelope(signs, context, lists_failures=lists_failures)

    def _envelope(
        self, signs: Mapping[str, Any], context: StatementVerdict | None, *, lists_failures: bool
    ) -> Iterator[Remark]:
        counts = {name for name, value in signs.items() if _SUCCESS.search(name) and _is_number(value)}
        verdict = verdict_of({name: value for name, value in signs.items() if name not in counts})
        if _is_denial(verdict) or (context is REFUSED and signs):
            yield Remark("", REFUSED)
        elif context is None and verdict and (not self._partial or any(map(_FAILURE.search, signs))):
            # A conflict of several is one's, and it is not said whose.
            yield Remark("", DOUBT if verdict.status == 409 and self._sent > 1 else ACCEPTED)
        for name, value in signs.items():
            if name in counts:
                is_of_all = context is None and value == (self._sent or value)
                yield Remark("", ACCEPTED if is_of_all else DOUBT)
            elif lists_failures and value != 207 and not _is_nothing(value) and _sign(name, value) is None:
                # The list may be incomplete.
                yield Remark("", DOUBT)


def _entry_of(item: Any) -> tuple[str, dict[str, Any]]:
    """Return an entry's id (its own or its statement's, else "") and its content with plain names."""
    said = _plainly(item) if isinstance(item, dict) else {"id" if id_of(item) else "status": item}
    inner = said.get("statement")
    sources = (said, _plainly(inner) if isinstance(inner, dict) else {"id": inner})
    return next((text for source in sources for name in _ID if (text := id_of(source.get(name)))), ""), said


def verdict_of(said: Mapping[str, Any]) -> StatementVerdict | None:
    """Return what an object with plain names says by status, flag, error or message; None for nothing.

    Yes and no at once is doubt, but 409 always means that Percipio has the statement.
    """
    signs = [sign for name, value in said.items() if (sign := _sign(name, value)) is not None]
    if not signs:
        return ACCEPTED if any(map(_FAILURE.search, said)) else None
    # An HTTP status outweighs an error flag, which outweighs its message.
    best = min(signs, key=lambda one: (one.status != 409, one.status == 207, one.outcome is Outcome.DOUBT))
    if best.status != 409 and len({_is_denial(one) for one in signs}) > 1:
        best = DOUBT
    return best if best.outcome is Outcome.ACCEPTED else replace(best, message=_words(said))


def _sign(name: str, value: Any) -> StatementVerdict | None:
    if _FAILURE.search(name):
        inner = verdict_of(_plainly(value)) if isinstance(value, dict) else None
        return None if _is_nothing(value) else inner if inner and _is_denial(inner) else REFUSED
    text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
    if _SUCCESS.search(name):
        text = {"1": "true", "yes": "true", "0": "false", "no": "false"}.get(text, text)
    elif not _STATUS.search(name):
        return DOUBT if name in _MESSAGE and text and denies(text) else None
    if re.fullmatch("[2-9][0-9]{2}", text) and text != "207":
        return StatementVerdict(_outcome_of_item(int(text)), int(text))
    return ACCEPTED if is_success(text) else REFUSED if _plain(text) in _BAD_WORDS else None


def _outcome_of_item(status: int) -> Outcome:
    """Return the outcome of an item's status. 409: already stored. 403 and 404: about a learner or course."""
    outcome = outcome_of(status)
    if status in (402, 403) or outcome in (Outcome.NOT_FOUND, Outcome.TOO_LARGE):
        return Outcome.REFUSED
    return {Outcome.CONFLICT: Outcome.ACCEPTED, Outcome.UNAUTHORIZED: Outcome.LATER}.get(outcome, outcome)


def _words(said: Mapping[str, Any]) -> str:
    value = next((said[name] for name in (*_REASON, "status") if said.get(name)), "")
    if isinstance(value, dict):
        return _words(_plainly(value))
    if isinstance(value, list):
        value = "; ".join(item for item in value[:5] if isinstance(item, str))
    return redacted(value) if isinstance(value, str) else ""


def says_something_odd(answer: Any) -> bool:
    """Return whether a message or status text says anything other than success."""
    if not isinstance(answer, dict):
        return False
    messages = [value for name, value in _plainly(answer).items() if name in _MESSAGE or _STATUS.search(name)]
    texts = [text for text in messages if isinstance(text, str) and text.strip() and _plain(text) not in _TRACK]
    return any(not is_success(text) and not text.isdigit() for text in texts)


def is_success(text: str) -> bool:
    """Return whether a text says success and nothing else, such as ``The statements were stored.``."""
    words = re.findall(r"[^\W_]+", text[:200].lower())
    return len(text) <= 200 and bool(_GOOD_WORDS.intersection(words)) and _GOOD_WORDS.union(_FILLING).issuperset(words)


def denies(text: str) -> bool:
    """Return whether a text mentions a failure."""
    return bool(_DENIES.search(_NO_ERRORS.sub("", text[:2000].lower())))


def parsed(body: bytes) -> Any:
    """Return the JSON list or object in a body, else None, also for repeated names: a contradiction (RFC 8259 4)."""
    try:
        answer = json.loads(body, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        answer = body.decode("utf-8", "replace")
    # One statement was sent, and only its id came back.
    return [answer] if id_of(answer) else answer if isinstance(answer, list | dict) else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice")
    return found


def id_of(value: Any) -> str:
    """Return a text in the UUID form xAPI uses, else ""."""
    found = _UUID.fullmatch(value.strip().lower().removeprefix("urn:uuid:")) if isinstance(value, str) else None
    return "-".join(found.groups()) if found else ""


def ids_in(answer: Any) -> set[str]:
    """Return the ids of a list of ids, as an LRS answers; empty for anything else."""
    named = {id_of(item) for item in answer} if isinstance(answer, list) else set()
    return set() if "" in named else named


def _mentions(value: Any) -> Counter[str]:
    return Counter("-".join(parts) for parts in _UUID.findall(json.dumps(value, ensure_ascii=False).lower()))


def _plainly(value: Mapping[str, Any]) -> dict[str, Any]:
    return {_plain(name): inner for name, inner in value.items()}


def _plain(name: str) -> str:
    return name[:40].lower().replace("_", "").replace("-", "").replace(" ", "")


def _is_bare(said: Mapping[str, Any]) -> bool:
    harmless = {name for name in said if name in _HARMLESS and not isinstance(said[name], list | dict)}
    return all(said[name] is None or _is_number(said[name]) or id_of(said[name]) for name in said.keys() - harmless)


def _is_nothing(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("", "none", "null", "false", "no", "0", "[]", "{}") or is_success(value)
    return not value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_denial(verdict: StatementVerdict | None) -> bool:
    return verdict is not None and verdict.outcome is not Outcome.ACCEPTED
