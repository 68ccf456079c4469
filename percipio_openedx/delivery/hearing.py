"""The way through the JSON of an answer: what is said, of whom, and what stands beside it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.entries import (
    ACCEPTED,
    DOUBT,
    REFUSED,
    Entry,
    Verdict,
    adds_nothing,
    bare,
    id_of,
    index_of,
    is_other_message,
    keys_in,
    parsed,
    plainly,
    verdict_of,
    without_statement,
    words_in,
)
from percipio_openedx.delivery.vocabulary import Meaning, is_nothing, meaning_of, plain
from percipio_openedx.delivery.words import redacted

_DEPTH = 8
# Names that say nothing: what stands under them was spoken of, no more.
_NEUTRAL = re.compile(
    r"^(?:ids?|uuids?|statements?|statementids?|items?|data|records?|entries|events?|body|values?|payload|documents?)$"
    r"|(?:responses?|results?)$"
)
_IDS = re.compile(r"^(?:ids?|uuids?|statements?|statementids?)$")
_TOTAL = re.compile(
    r"^total(?!time|ms|duration|pages|bytes)|^(?:count|received|submitted|(?:statement|record)s?count)$"
)
_NO_COUNT = re.compile(r"(?:at|time|date|timestamp|ms|seconds|id|code|status)$")
_GOES_ON = re.compile(r"^(?:is|has)?(?:more|moreerrors|moreresults|truncated|incomplete|partial)$|^next|^continuation")


@dataclass(slots=True)
class Heard:
    """What was found on the way.

    ``denies``: something is wrong, and it is not said with what. ``succeeds``: all is said to be well.
    ``lists_failures``: there is a list of them, perhaps an empty one. ``goes_on``: what is listed is not all.
    ``names`` and ``names_others``: ids of statements that were sent, or of none that was, stand where an entry could.
    ``lists_stored``: there is a list of what was stored, so that what it lacks was not.
    ``has_message``: there are words that are not about success alone.
    """

    entries: list[Entry] = field(default_factory=list)
    counts: dict[Meaning | None, list[int]] = field(
        default_factory=lambda: {meaning: [] for meaning in (*Meaning, None)}
    )
    lists_failures: bool = False
    goes_on: bool = False
    denies: bool = False
    succeeds: bool = False
    names: bool = False
    names_others: bool = False
    lists_stored: bool = False
    has_message: bool = False

    @property
    def failures(self) -> list[int]:
        """Every count of what was not stored."""
        return self.counts[Meaning.BAD] + self.counts[Meaning.DOUBTFUL]

    @property
    def is_silent(self) -> bool:
        """Whether nothing was said of a statement that was sent, nor of an error, nor of success."""
        said = self.lists_failures or self.denies or self.succeeds or self.names or self.lists_stored
        return not (said or self.failures or self.counts[Meaning.GOOD] or self.entries)


def hear(answer: Any, *, partial: bool, sent: int | None, is_id: Callable[[str], bool]) -> Heard:
    """Go through the list or object that an answer is.

    Arguments:
        partial: the status is 207, so that to name a statement is not yet to say that it was stored.
        sent: how many statements the request held; None where that does not matter.
        is_id: whether a text (of a UUID's form, in lower case) is the id of one of them.
    """
    heard = Heard()
    _Way(heard, partial=partial, sent=sent, is_id=is_id).go(answer, None, _DEPTH, is_neutral=True)
    return heard


class _Way:
    def __init__(self, heard: Heard, *, partial: bool, sent: int | None, is_id: Callable[[str], bool]) -> None:
        self._heard = heard
        self._partial = partial
        self._sent = sent
        self._is_id = is_id

    def go(self, value: Any, meaning: Meaning | None, depth: int, *, is_neutral: bool) -> None:
        """Through a list or an object; ``meaning`` is what the name that it stands under says of it."""
        if depth == 0:
            self._heard.denies = True
        elif isinstance(value, list):
            self._heard.lists_failures |= meaning is Meaning.BAD
            among = len(value) if meaning is None else 0
            for place, item in enumerate(value):
                if isinstance(item, list):
                    self.go(item, meaning, depth - 1, is_neutral=is_neutral)
                elif isinstance(item, Mapping):
                    self._object(item, meaning, depth, is_neutral=is_neutral, place=place, among=among)
                else:
                    self._scalar(item, meaning, is_neutral=is_neutral, place=place, among=among)
        elif isinstance(value, Mapping):
            self._object(value, meaning, depth, is_neutral=is_neutral)

    def _scalar(self, item: Any, meaning: Meaning | None, *, is_neutral: bool, place: int, among: int) -> None:
        text = self._id_of(item)
        if text:
            self._note(self._presumed(meaning, is_neutral=is_neutral), item, id=text)
        elif meaning is None:
            verdict = bare(item)
            self._note(verdict, item, place=place, among=among)
            self._heard.has_message |= isinstance(item, str) and verdict is None
        elif meaning is not Meaning.DOUBTFUL:
            words = redacted(item) if meaning is Meaning.BAD and isinstance(item, str) else ""
            self._note(self._presumed(meaning, words=words), item, index=index_of(item))

    def _object(
        self,
        item: Mapping[str, Any],
        meaning: Meaning | None,
        depth: int,
        *,
        is_neutral: bool,
        place: int = 0,
        among: int = 0,
    ) -> None:
        """One entry where it has a key, or a verdict at its place; else a container of them."""
        whole, item = item, without_statement(item)
        said = plainly(item)
        text, index = keys_in(said)
        text = self._id_of(text)
        verdict = verdict_of(item)
        if text or index is not None:
            is_neutral = is_neutral and adds_nothing(said)
            decided = self._decided(verdict, meaning, words_in(said), is_neutral=is_neutral)
            self._note(decided, whole, id=text, index=index)
        elif among and verdict is not None and among == (self._sent or among):
            self._note(verdict, item, place=place, among=among)
        else:
            self._container(self._without_map(item, meaning), meaning, depth)

    def _without_map(self, item: Mapping[str, Any], meaning: Meaning | None) -> Mapping[str, Any]:
        """What is left of an object when the entries that stand under their keys have been noted."""
        by_id = [name for name in item if self._id_of(name)]
        keyed = by_id or ([*item] if all(index_of(name) is not None for name in item) else [])
        for name in keyed:
            value = item[name]
            said = plainly(value) if isinstance(value, Mapping) else {}
            verdict = verdict_of(value) if said else bare(value)
            if meaning is Meaning.BAD and is_nothing(value):
                verdict = DOUBT
            decided = self._decided(verdict, meaning, words_in(said) or redacted(str(value)), is_neutral=False)
            self._note(decided, {name: value}, id=self._id_of(name), index=None if by_id else index_of(name))
        return {name: value for name, value in item.items() if name not in keyed}

    def _container(self, item: Mapping[str, Any], meaning: Meaning | None, depth: int) -> None:
        signs: dict[str, Any] = {}
        for key, value in item.items():
            name = plain(key)
            named = meaning_of(name)
            below = named or meaning
            if named is Meaning.GOOD and meaning in (Meaning.BAD, Meaning.DOUBTFUL):
                below = Meaning.DOUBTFUL
            if _GOES_ON.search(name):
                self._heard.goes_on |= not is_nothing(value)
            elif isinstance(value, str) and value.lstrip()[:1] in ("[", "{") and _NEUTRAL.search(name):
                # AWS Lambda's answer to API Gateway, passed on as it is: its body is a text.
                self.go(parsed(value), below, depth - 1, is_neutral=True)
            elif isinstance(value, list):
                self._heard.lists_stored |= below is Meaning.GOOD or (below is None and bool(_IDS.search(name)))
                self.go(value, below, depth - 1, is_neutral=bool(_NEUTRAL.search(name)))
            elif isinstance(value, Mapping):
                if named is Meaning.BAD and value and not self._has_key(value):
                    signs[key] = value
                self._heard.lists_failures |= named is Meaning.BAD and not value
                self.go(value, below, depth - 1, is_neutral=bool(_NEUTRAL.search(name)))
            elif not self._is_count(name, named, value):
                signs[key] = value
                self._heard.has_message |= is_other_message(name, value)
        self._sign(verdict_of(signs), meaning, is_empty=not item)

    def _sign(self, verdict: Verdict | None, meaning: Meaning | None, *, is_empty: bool) -> None:
        if meaning is Meaning.BAD and not is_empty:
            self._heard.denies = True
        elif verdict is not None:
            self._heard.succeeds |= verdict.outcome is Outcome.ACCEPTED
            self._heard.denies |= verdict.outcome is not Outcome.ACCEPTED

    def _is_count(self, name: str, named: Meaning | None, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
        if not is_number or _NO_COUNT.search(name) or (named is None and not _TOTAL.search(name)):
            return False
        self._heard.counts[named].append(int(value))
        return True

    def _has_key(self, value: Mapping[str, Any]) -> bool:
        text, index = keys_in(plainly(value))
        by_id = any(self._id_of(name) for name in value) or all(index_of(name) is not None for name in value)
        return bool(self._id_of(text)) or index is not None or by_id

    def _id_of(self, value: Any) -> str:
        text = id_of(value)
        if not text:
            return ""
        is_known = self._is_id(text)
        self._heard.names |= is_known
        self._heard.names_others |= not is_known
        return text if is_known else ""

    def _presumed(self, meaning: Meaning | None, *, is_neutral: bool = False, words: str = "") -> Verdict | None:
        if meaning is Meaning.BAD:
            return Verdict(REFUSED.outcome, REFUSED.status, words)
        is_stored = meaning is Meaning.GOOD or (meaning is None and is_neutral and not self._partial)
        return ACCEPTED if is_stored else None

    def _decided(
        self, verdict: Verdict | None, meaning: Meaning | None, words: str, *, is_neutral: bool
    ) -> Verdict | None:
        """What an entry says, together with what the name of its list says."""
        presumed = self._presumed(meaning, is_neutral=is_neutral, words=words)
        if verdict is None or meaning is None:
            return verdict or presumed
        if meaning is Meaning.BAD and verdict.outcome is Outcome.DOUBT:
            return presumed
        is_same = (verdict.outcome is Outcome.ACCEPTED) is (meaning is Meaning.GOOD)
        return verdict if is_same and meaning is not Meaning.DOUBTFUL else DOUBT

    def _note(self, verdict: Verdict | None, holds: Any, **where: Any) -> None:
        """Keep an entry. Of one that says nothing the id stays unexplained, which is doubt about that statement."""
        if verdict is not None:
            self._heard.entries.append(Entry(verdict, holds=holds, **where))
        elif where.get("index") is not None and not where.get("id"):
            self._heard.denies = True
