"""The body of a success, statement by statement: the shapes that were seen or are likely. Pure.

Entries name a statement by its id or its index and carry a status, a flag, a word or an error; they stand in a list, in
an object under their id, or in lists called ``errors``, ``stored`` and the like. A list of failures says that the
others were stored, unless something beside it contradicts that. Everything else is doubt, and is sent again in smaller
requests: a statement's id never changes, so nothing is stored twice (decision record 0014).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from percipio_openedx.delivery.statuses import Verdict
from percipio_openedx.delivery.vocabulary import (
    ACCEPTED,
    DOUBT,
    HARMLESS,
    ID,
    INDEX,
    MESSAGE,
    REFUSED,
    STATEMENT,
    STATUS,
    TRACK,
    bare,
    denies,
    id_of,
    index_of,
    is_nothing,
    is_success,
    meaning_of,
    plain,
)
from percipio_openedx.enums import Outcome
from percipio_openedx.redaction import redacted

_DEPTH = 8
_ANY_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
# Names that say nothing: what stands under them was spoken of, no more.
_NEUTRAL = re.compile(
    r"^(?:ids?|uuids?|statements?|statementids?|items?|data|records?|entries|events?|body|values?|payload|documents?)$"
    r"|(?:responses?|results?)$"
)
_IDS = re.compile(r"^(?:ids?|uuids?|statements?|statementids?)$")
_GOES_ON = re.compile(r"^(?:is|has)?(?:more|moreerrors|moreresults|truncated|incomplete|partial)$|^next|^continuation")
_TOTAL = re.compile(r"^total(?!time|ms|duration|pages|bytes)|^(?:count|received|submitted)$")
_NO_COUNT = re.compile(r"(?:at|time|date|timestamp|ms|seconds|id|code|status)$")
_WORDS = ("error", "errormessage", "message", "errors", "reason", "failure", "exception", "fault", "faultstring")
_OTHER_WORDS = ("detail", "details", "title", "description", "errorcode", "code")


@dataclass(slots=True)
class Reading:
    """What a body says.

    Arguments:
        verdicts: by index, of the statements of which it is clear.
        is_torn: it names one in a way that is not understood, or contradicts itself.
        names_others: it names statements that were not sent.
        denies: something is wrong, and it is not said with what.
        succeeds: it says that all is well.
        lists_failures, lists_stored: there is a list of them, perhaps an empty one.
        goes_on: what is listed is not all.
        has_message: there are words that are not about success alone.
        counts: of what was refused, stored, and in all; by the meaning of their name.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    is_torn: bool = False
    names_others: bool = False
    denies: bool = False
    succeeds: bool = False
    lists_failures: bool = False
    lists_stored: bool = False
    goes_on: bool = False
    has_message: bool = False
    has_named: bool = False
    counts: dict[Verdict | None, list[int]] = field(default_factory=lambda: defaultdict(list))

    @property
    def failures(self) -> list[int]:
        """Every count of what was not stored."""
        return self.counts[REFUSED] + self.counts[DOUBT]

    @property
    def is_silent(self) -> bool:
        """Whether nothing is said of a statement that was sent, nor of an error, nor of success."""
        said = self.lists_failures or self.denies or self.succeeds or self.has_named or self.lists_stored
        return not (said or self.failures or self.counts[ACCEPTED] or self.verdicts or self.is_torn)


def parsed(body: bytes | str) -> Any:
    """Return the list or object of JSON that a body is; None where it is none.

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


def ids_of(answer: Any) -> frozenset[str]:
    """Return the ids of a list of ids, as an LRS answers (xAPI 1.0.3 Communication 2.1.2), else none."""
    found = [id_of(item) for item in answer] if isinstance(answer, list) else []
    return frozenset(found) if all(found) else frozenset()


def read(body: bytes, ids: Sequence[str], *, partial: bool) -> Reading:
    """Read the body of a success.

    Arguments:
        body: as it came.
        ids: the ids of the statements sent, in their order; none where it does not matter which were.
        partial: the status is 207, so that to name a statement is not yet to say that it was stored.
    """
    answer = parsed(body)
    if answer is None:
        return Reading()
    ids = [text.lower() for text in ids]
    if ids and not partial and ids_of(answer).issuperset(ids):
        return Reading(dict.fromkeys(range(len(ids)), ACCEPTED))
    reader = _Reader(ids, partial=partial)
    try:
        reader.walk(answer, None, _DEPTH)
        return reader.weighed()
    except RecursionError:
        return Reading(is_torn=True)


def verdicts(body: bytes, ids: Sequence[str]) -> dict[int, Verdict]:
    """Return the verdicts of a 207 by index; an index that is missing is in doubt."""
    return read(body, ids, partial=True).verdicts


class _Reader:
    def __init__(self, ids: Sequence[str], *, partial: bool) -> None:
        self._ids = list(ids)
        self._partial = partial
        self._found = Reading()
        # Everything that is said of a statement, by its id; and what was said by index.
        self._said: dict[str, set[Verdict]] = defaultdict(set)
        self._by_index: list[tuple[int, Verdict]] = []

    # --- on the way --------------------------------------------------------------------------------------------------

    def walk(self, value: Any, meaning: Verdict | None, depth: int, *, is_neutral: bool = True) -> None:
        """Go through a list or an object.

        Arguments:
            meaning: what the name that it stands under says of it.
            is_neutral: whether that name says nothing, so that to name a statement is enough.
        """
        if depth == 0:
            self._found.denies = True
        elif isinstance(value, Mapping):
            self._object(value, meaning, depth, is_neutral=is_neutral)
        elif isinstance(value, list) and not self._take_places(value, meaning):
            for item in value:
                if isinstance(item, list | Mapping):
                    self.walk(item, meaning, depth - 1, is_neutral=is_neutral)
                else:
                    self._scalar(item, meaning, is_neutral=is_neutral)

    def _take_places(self, items: Sequence[Any], meaning: Verdict | None) -> bool:
        """Take verdicts that stand in the order of the statements, as many as were sent and with no other key."""
        if meaning is not None or len(items) != (len(self._ids) or len(items)):
            return False
        said = [_plainly(item) if isinstance(item, Mapping) else {} for item in items]
        verdicts = [
            verdict_of(one) if one else bare(item) for one, item in zip(said, items, strict=True) if not _keys(one)[0]
        ]
        found = [one for one in verdicts if one is not None]
        if len(found) < len(items) or any(_keys(one)[1] is not None for one in said) or not items:
            return False
        self._by_index += enumerate(found)
        for item in items:
            self._doubt_mentions(item)
        return True

    def _scalar(self, item: Any, meaning: Verdict | None, *, is_neutral: bool) -> None:
        text, index = id_of(item), index_of(item)
        if text:
            self._tell(text, meaning or (ACCEPTED if is_neutral and not self._partial else None))
        elif meaning is REFUSED and index is not None:
            self._by_index.append((index, REFUSED))
        else:
            verdict = REFUSED if meaning is REFUSED else bare(item)
            self._found.denies |= verdict is not None and verdict.outcome is not Outcome.ACCEPTED
            self._found.has_message |= isinstance(item, str)
            self._doubt_mentions(item)

    def _object(self, item: Mapping[str, Any], meaning: Verdict | None, depth: int, *, is_neutral: bool) -> None:
        """Take one entry where it has a key, else go through what it contains."""
        if {"actor", "verb"} <= item.keys():
            item = {name: value for name, value in item.items() if name not in STATEMENT}
        said = _plainly(item)
        text, index = _keys(said)
        if not text and index is None:
            self._container(item, meaning, depth)
            return
        verdict = _together(verdict_of(said), meaning, _words_in(said))
        if verdict is None and is_neutral and not self._partial and _adds_nothing(said):
            verdict = ACCEPTED
        if text:
            self._tell(text, verdict)
        elif index is not None and verdict is not None:
            self._by_index.append((index, verdict))
        else:
            self._found.denies = True
        self._doubt_mentions(item, but=text)

    def _container(self, item: Mapping[str, Any], meaning: Verdict | None, depth: int) -> None:
        found, signs = self._found, {}
        for key, value in item.items():
            name = plain(str(key))
            named = meaning_of(name)
            below = DOUBT if named is ACCEPTED and meaning in (REFUSED, DOUBT) else named or meaning
            if text := id_of(key):
                said = _plainly(value) if isinstance(value, Mapping) else {}
                verdict = verdict_of(said) if said else bare(value)
                verdict = DOUBT if meaning is REFUSED and is_nothing(value) else verdict
                self._tell(text, _together(verdict, meaning, _words_in(said) or redacted(str(value))))
                self._doubt_mentions(value, but=text)
            elif _GOES_ON.search(name):
                found.goes_on |= not is_nothing(value)
            elif isinstance(value, list | Mapping):
                is_list = isinstance(value, list)
                found.lists_failures |= below is REFUSED and (is_list or not value)
                found.lists_stored |= is_list and (below is ACCEPTED or (not below and bool(_IDS.search(name))))
                before = self._size()
                self.walk(value, below, depth - 1, is_neutral=bool(_NEUTRAL.search(name)))
                # An error of nobody.
                found.denies |= named is REFUSED and bool(value) and self._size() == before
            elif not self._is_count(name, named, value):
                signs[name] = value
                found.has_message |= _speaks(name, value)
                self._doubt_mentions(value)
        verdict = verdict_of(signs)
        found.denies |= meaning is REFUSED and bool(signs)
        if verdict is not None:
            found.succeeds |= verdict.outcome is Outcome.ACCEPTED
            found.denies |= verdict.outcome is not Outcome.ACCEPTED

    def _size(self) -> int:
        return sum(map(len, self._said.values())) + len(self._by_index)

    def _is_count(self, name: str, named: Verdict | None, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        if not is_number or _NO_COUNT.search(name) or (named is None and not _TOTAL.search(name)):
            return False
        self._found.counts[named].append(int(value))
        return True

    def _tell(self, text: str, verdict: Verdict | None) -> None:
        """Keep what is said of a statement; where an entry says nothing that is doubt about it."""
        is_ours = not self._ids or text in self._ids
        self._found.has_named |= is_ours
        self._found.names_others |= not is_ours
        if is_ours and (self._ids or verdict):
            self._said[text].add(verdict or DOUBT)

    def _doubt_mentions(self, value: Any, but: str = "") -> None:
        """Doubt what is mentioned where it is not understood, such as in the words about another one."""
        for mentioned in map(id_of, _ANY_ID.findall(json.dumps(value, ensure_ascii=False).lower())):
            if mentioned != but and mentioned in self._ids:
                self._found.has_named = True
                self._said[mentioned].add(DOUBT)

    # --- at the end --------------------------------------------------------------------------------------------------

    def weighed(self) -> Reading:
        """Put what was found on the statements that were sent."""
        found, sent = self._found, len(self._ids)
        entries = [one for said in self._said.values() for one in said] + [one for _, one in self._by_index]
        if not sent:
            found.verdicts = dict(enumerate(entries))
            return found
        said = {self._ids.index(text): set(verdicts) for text, verdicts in self._said.items()}
        # Indexes count from 0, as every list in JSON does, or from 1 where the last of them is the number sent.
        indexes = [index for index, _ in self._by_index]
        first = 0 if 0 in indexes else 1
        is_complete = not indexes or 0 in indexes or sent in indexes
        for index, verdict in self._by_index if is_complete else ():
            if 0 <= index - first < sent:
                said.setdefault(index - first, set()).add(verdict)
            else:
                is_complete = False
        outcomes = {index: {one.outcome for one in each} for index, each in said.items()}
        doubted = {index for index, each in outcomes.items() if len(each) > 1 or Outcome.DOUBT in each}
        clear = {index: min(each, key=_vagueness) for index, each in said.items() if index not in doubted}
        negative = {index: one for index, one in clear.items() if one.outcome is not Outcome.ACCEPTED}
        listed = sum(one.outcome is not Outcome.ACCEPTED for one in entries)
        found.is_torn = bool(doubted) or not {*found.counts[None]} <= {sent, listed}
        if not self._is_possible(len(clear) - len(negative), len(negative), listed) or (found.denies and not negative):
            found.verdicts, found.is_torn = negative, True
        elif (
            len(clear) == len(negative)
            and not doubted
            and is_complete
            and self._are_others_stored(len(negative), listed)
        ):
            found.verdicts = {index: negative.get(index, ACCEPTED) for index in range(sent)}
        else:
            found.verdicts = clear
        return found

    def _is_possible(self, positive: int, negative: int, listed: int) -> bool:
        """Return whether the counts in the body can be true, given what is clear."""
        sent, failed, stored = len(self._ids), self._found.failures, self._found.counts[ACCEPTED]
        return all(negative <= count <= sent - positive or count == listed for count in failed) and all(
            positive <= count <= sent - negative for count in stored
        )

    def _are_others_stored(self, negative: int, listed: int) -> bool:
        """Return whether those that are not named were stored: the list of failures is whole, and not contradicted."""
        found, sent = self._found, len(self._ids)
        if found.denies or found.goes_on or found.lists_stored:
            return False
        failed, stored, totals = found.failures, found.counts[ACCEPTED], {*found.counts[None]}
        says_so = found.lists_failures or bool(failed or stored) or (found.succeeds and not self._partial)
        if not says_so and not 0 < listed < sent:
            return False
        # A total may be that of the failures, so where some are listed it has to be explained by another count.
        explained = {listed, sent} if failed or stored or not listed else {listed}
        return {*failed} <= {negative, listed} and {*stored} <= {sent - negative} and totals <= explained


def _keys(said: Mapping[str, Any]) -> tuple[str, int | None]:
    """Return the id of an entry, its own or its statement's ("" without), and its index (None without)."""
    inner = said.get("statement")
    sources = (said, _plainly(inner) if isinstance(inner, Mapping) else {"id": inner, "index": inner})
    named = [(name, value) for source in sources for name, value in sorted(source.items())]
    text = next((found for name, value in named if name in ID and (found := id_of(value))), "")
    index = next((one for name, value in named if name in INDEX and (one := index_of(value)) is not None), None)
    return text, index


def _plainly(value: Mapping[Any, Any]) -> dict[str, Any]:
    """Return an object with plain names."""
    return {plain(str(key)): inner for key, inner in value.items()}


def verdict_of(said: Mapping[str, Any]) -> Verdict | None:
    """Return what an object with plain names says by itself: status, flags, errors, words; None where it says nothing.

    What says yes and no at once is doubt; but 409 means that Percipio has it, whatever is said beside.
    """
    signs = [sign for name, value in said.items() if (sign := _sign(name, value)) is not None]
    if not signs:
        has_no_error = any(meaning_of(name) is REFUSED and is_nothing(value) for name, value in said.items())
        return ACCEPTED if has_no_error else None
    words = _words_in(said)
    if known := next((sign for sign in signs if sign.status == 409), None):
        return replace(known, words=words)
    outcomes = {sign.outcome for sign in signs}
    # An HTTP status says more than that there is an error, and an error more than its words.
    by_status = [sign for sign in signs if sign.status != 207] or signs
    is_split = Outcome.ACCEPTED in outcomes and len(outcomes) > 1
    if is_split or len({sign.outcome for sign in by_status} - {Outcome.DOUBT}) > 1:
        return replace(DOUBT, words=words)
    return replace(min(by_status, key=lambda sign: sign.outcome is Outcome.DOUBT), words=words)


def _sign(name: str, value: Any) -> Verdict | None:
    meaning = meaning_of(name)
    inner = _plainly(value) if isinstance(value, Mapping) else None
    if meaning is REFUSED:
        if is_nothing(value):
            return None
        below = verdict_of(inner) if inner is not None else None
        return below if below is not None and below.outcome is not Outcome.ACCEPTED else REFUSED
    if STATUS.search(name):
        return verdict_of(inner) if inner is not None else bare(value)
    if meaning is ACCEPTED:
        text = str(value).strip().lower() if isinstance(value, bool | int | str) else ""
        return ACCEPTED if text in ("true", "yes", "1") else REFUSED if text in ("false", "no", "0") else None
    return DOUBT if name in MESSAGE and isinstance(value, str) and denies(value) else None


def _together(verdict: Verdict | None, meaning: Verdict | None, words: str) -> Verdict | None:
    """Return what an entry says, together with what the name of its list says."""
    if meaning is None:
        return verdict
    if verdict is None or (meaning is REFUSED and verdict.outcome is Outcome.DOUBT and verdict.status == 207):
        return replace(meaning, words=words) if meaning is REFUSED else meaning
    is_same = (verdict.outcome is Outcome.ACCEPTED) is (meaning is ACCEPTED)
    return verdict if is_same and meaning is not DOUBT else DOUBT


def _speaks(name: str, value: Any) -> bool:
    """Return whether this is a message, or the word of a status, that says anything else than that all is well."""
    is_word = isinstance(value, str) and bool(value.strip()) and plain(value) not in TRACK
    is_heard = name in MESSAGE or bool(STATUS.search(name))
    return is_heard and is_word and not is_success(value) and bare(value) is None


def _adds_nothing(said: Mapping[str, Any]) -> bool:
    """Return whether an object only names a statement: nothing stands beside it that could refuse it in other words."""
    for name, value in said.items():
        is_number = value is None or (isinstance(value, int | float) and not isinstance(value, bool))
        is_harmless = name in HARMLESS and not isinstance(value, list | Mapping)
        if not (name in ID | INDEX or is_number or is_harmless or id_of(value)):
            return False
    return True


def _words_in(said: Mapping[str, Any]) -> str:
    """Return an object's words about an error, redacted."""
    for name in (*_WORDS, *_OTHER_WORDS):
        value = said.get(name)
        if isinstance(value, Mapping):
            value = value.get("message") or value.get("faultstring")
        if isinstance(value, list):
            value = "; ".join(item for item in value[:5] if isinstance(item, str))
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return redacted(str(value))
    return ""


def _vagueness(verdict: Verdict) -> tuple[bool, bool]:
    """Of several verdicts that agree, the one with a status and words comes first."""
    return verdict.status in (None, 207), not verdict.words
