"""The body of a success, statement by statement: the shapes that were seen or are likely. Pure.

Entries are keyed by statement id, by index or by position, and carry a status, a flag, a word or an error; they stand
in a list, in an object under their key, or in lists called ``errors``, ``stored`` and the like. A list of failures says
that the others were stored, unless something beside it contradicts that. Everything else is doubt, and is sent again
in smaller requests: a statement's id never changes, so nothing is stored twice (decision record 0014).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.entries import ACCEPTED, Entry, Verdict, id_of, parsed
from percipio_openedx.delivery.hearing import Heard, hear
from percipio_openedx.delivery.vocabulary import Meaning

_ANY_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a body says of the statements that were sent.

    Arguments:
        verdicts: by index, of those of which it is clear.
        is_silent: it says nothing of them, nor of an error or of success.
        is_torn: it names one in a way that is not understood, or contradicts itself.
        names_others: it names statements that were not sent.
    """

    verdicts: dict[int, Verdict] = field(default_factory=dict)
    is_silent: bool = False
    is_torn: bool = False
    names_others: bool = False


def read(body: bytes, ids: Sequence[str], *, partial: bool) -> Reading:
    """Read the body of a success.

    Arguments:
        body: as it came.
        ids: the ids of the statements sent, in their order.
        partial: the status is 207, so that to name a statement is not yet to say that it was stored.
    """
    answer = parsed(body)
    if answer is None:
        return Reading(is_silent=True)
    ids = [text.lower() for text in ids]
    if not partial and ids_of(answer).issuperset(ids):
        return Reading(dict.fromkeys(range(len(ids)), ACCEPTED))
    try:
        heard = hear(answer, partial=partial, sent=len(ids), is_id=frozenset(ids).__contains__)
        return _Weighing(heard, ids, _mentions(body, answer)).reading(partial=partial)
    except RecursionError:
        return Reading(is_torn=True)


def ids_of(answer: Any) -> frozenset[str]:
    """The ids of an answer that is a list of ids, as an LRS answers (xAPI 1.0.3 Communication 2.1.2), else none."""
    found = [id_of(item) for item in answer] if isinstance(answer, list) else []
    return frozenset(found) if all(found) else frozenset()


def verdicts(body: bytes, ids: Sequence[str]) -> dict[int, Verdict]:
    """The verdicts of a 207 by index; an index that is missing is in doubt."""
    return read(body, ids, partial=True).verdicts


class _Weighing:
    """What was heard, put on the statements that were sent."""

    def __init__(self, heard: Heard, ids: list[str], mentions: Counter[str]) -> None:
        self._heard = heard
        self._sent = len(ids)
        places = {text: index for index, text in enumerate(ids)}
        offset = _first_index([one.index for one in heard.entries if not one.id and one.index is not None], len(ids))
        said: dict[int, set[Verdict]] = {}
        understood: Counter[str] = Counter()
        self._is_complete = True
        for one in heard.entries:
            index = _place_of(one, places, offset, len(ids))
            if index is None:
                self._is_complete = False
                continue
            said.setdefault(index, set()).add(one.verdict)
            understood[ids[index]] += _mentions(b"", one.holds)[_bare(ids[index])]
        self.doubted = {
            index
            for index, text in enumerate(ids)
            if mentions[_bare(text)] > understood[text] or len({one.outcome for one in said.get(index, ())}) > 1
        }
        clear = {index: min(found, key=_fullness) for index, found in said.items() if index not in self.doubted}
        self.doubted |= {index for index, one in clear.items() if one.outcome is Outcome.DOUBT}
        self._clear = {index: one for index, one in clear.items() if index not in self.doubted}

    def reading(self, *, partial: bool) -> Reading:
        """Who is clear, directly or because nothing else is left."""
        negative = {index: one for index, one in self._clear.items() if one.outcome is not Outcome.ACCEPTED}
        positive = len(self._clear) - len(negative)
        if not self._is_possible(len(negative), positive) or (self._heard.denies and not negative):
            return Reading(negative, is_torn=True)
        if not positive and self._are_others_stored(len(negative), partial=partial):
            return Reading({index: negative.get(index, ACCEPTED) for index in range(self._sent)})
        is_silent = self._heard.is_silent and not self.doubted and {*self._heard.counts[None]} <= {self._sent}
        return Reading(self._clear, is_silent, bool(self.doubted), self._heard.names_others)

    def _is_possible(self, negative: int, positive: int) -> bool:
        """Whether the counts in the body can be true, given what is clear."""
        listed = self._listed()
        failed = (negative <= count <= self._sent - positive or count == listed for count in self._heard.failures)
        stored = (positive <= count <= self._sent - negative for count in self._heard.counts[Meaning.GOOD])
        return all(failed) and all(stored)

    def _are_others_stored(self, negative: int, *, partial: bool) -> bool:
        """Whether those that are not named were stored: the list of failures is whole, and nothing contradicts it."""
        heard, listed = self._heard, self._listed()
        if heard.denies or heard.goes_on or heard.lists_stored or self.doubted or not self._is_complete:
            return False
        failed, stored = heard.failures, heard.counts[Meaning.GOOD]
        says_so = heard.lists_failures or bool(failed or stored) or (heard.succeeds and not partial)
        if not says_so and not 0 < listed < self._sent:
            return False
        # A total may be that of the failures, so where some are listed it has to be explained by another count.
        totals = {listed, self._sent} if failed or stored or not listed else {listed}
        return (
            {*failed} <= {negative, listed} and {*stored} <= {self._sent - negative} and {*heard.counts[None]} <= totals
        )

    def _listed(self) -> int:
        return sum(one.verdict.outcome is not Outcome.ACCEPTED for one in self._heard.entries)


def _fullness(verdict: Verdict) -> tuple[bool, bool]:
    """Of several verdicts that agree, the one with a status and words comes first."""
    return verdict.status in (None, 207), not verdict.words


def _place_of(entry: Entry, places: dict[str, int], offset: int | None, sent: int) -> int | None:
    if entry.id:
        return places.get(entry.id)
    if entry.index is not None:
        index = entry.index - offset if offset is not None else -1
        return index if 0 <= index < sent else None
    return entry.place if entry.among == sent else None


def _first_index(indexes: list[int], sent: int) -> int | None:
    """Whether indexes count from 0 or from 1; None where it cannot be told.

    A 0 or the number sent decides. Without either, 0 is what every list in JSON begins with, but a guess could
    park the neighbor: so only a full or decided list is believed.
    """
    if not indexes or 0 in indexes:
        return 0
    return 1 if sent in indexes else None


def _mentions(body: bytes, value: Any) -> Counter[str]:
    """How often each id occurs, in the bytes or in the value (JSON may hide a character behind its number)."""
    found = Counter(_ids_in(body.decode("utf-8", "replace")))
    return found | Counter(_ids_in(json.dumps(value, ensure_ascii=False)))


def _ids_in(text: str) -> list[str]:
    return [_bare(found) for found in _ANY_ID.findall(text.lower())]


def _bare(text: str) -> str:
    return text.replace("-", "")
