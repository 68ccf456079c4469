"""The body of a 207, whose shape Skillsoft has not published: every plausible one is read. Pure.

Entries are keyed by statement id, by index or by position, and carry a status, a boolean, a word or an error; they
stand in a list, in an object under their key, or in lists called ``errors``, ``stored`` and the like. What cannot be
read, or is said twice in two ways, stays unknown: the caller sends it again in smaller requests, which is safe, for
a statement's id never changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from percipio_openedx.codes import Outcome
from percipio_openedx.delivery.entries import Entry, Verdict, entry_of, key_of, plain
from percipio_openedx.delivery.outcomes import json_of

_DEPTH = 4

_BAD_LISTS = frozenset(
    {
        *("errors", "failed", "failures", "rejected", "invalid", "refused", "unsuccessful"),
        *("failedstatements", "rejectedstatements", "invalidstatements", "faileditems", "failedrecords"),
    }
)
_GOOD_LISTS = frozenset(
    {
        *("stored", "accepted", "succeeded", "success", "successful", "created", "successes", "saved"),
        *("storedstatements", "acceptedstatements", "successfulstatements", "successids"),
    }
)


def verdicts(body: bytes, ids: Sequence[str]) -> dict[int, Verdict]:
    """Read a 207 (or a 200 that speaks of errors).

    Arguments:
        body: as it came.
        ids: the ids of the statements sent, in their order.

    Returns the verdict by index; an index that is missing is unknown. Where the body lists failures only, and all of
    them can be attributed, the others were accepted ("check response body for failed statements", Skillsoft's page).
    """
    answer = json_of(body)
    entries = list(_entries(answer, None, _DEPTH))
    if not entries:
        stored = range(len(ids)) if _nothing_failed(answer) else range(0)
        return {index: Verdict(Outcome.ACCEPTED, 207) for index in stored}
    found, all_attributed = _attributed(entries, [text.lower() for text in ids])
    only_failures = all(entry.verdict.outcome is not Outcome.ACCEPTED for entry in entries)
    if only_failures and all_attributed and _lists_failures(answer, len(entries), len(ids)):
        accepted = Verdict(Outcome.ACCEPTED, 207)
        return {index: found.get(index, accepted) for index in range(len(ids))}
    return found


def _lists_failures(answer: Any, listed: int, sent: int) -> bool:
    """Whether the others may be taken as stored: the list is called so, or it is shorter than what was sent."""
    named = isinstance(answer, Mapping) and any(plain(str(key)) in _BAD_LISTS for key in answer)
    return named or listed < sent


def _nothing_failed(answer: Any) -> bool:
    """Whether the body holds a list of failures, and it is empty."""
    if not isinstance(answer, Mapping):
        return False
    return any(plain(str(key)) in _BAD_LISTS and value in ([], {}) for key, value in answer.items())


def _attributed(entries: list[Entry], ids: list[str]) -> tuple[dict[int, Verdict], bool]:
    places = {text: index for index, text in enumerate(ids)}
    offset = _first_index([entry.key for entry in entries if isinstance(entry.key, int)], len(ids))
    found: dict[int, Verdict] = {}
    doubted: set[int] = set()
    complete = True
    for entry in entries:
        index = _index_of(entry, places, offset, len(ids))
        if index is None:
            complete = False
        elif index in found and found[index].outcome is not entry.verdict.outcome:
            doubted.add(index)
        else:
            found.setdefault(index, entry.verdict)
    return {index: verdict for index, verdict in found.items() if index not in doubted}, complete and not doubted


def _index_of(entry: Entry, places: Mapping[str, int], offset: int | None, sent: int) -> int | None:
    if isinstance(entry.key, str):
        return places.get(entry.key)
    if isinstance(entry.key, int):
        index = entry.key - offset if offset is not None else -1
        return index if 0 <= index < sent else None
    return entry.place if entry.among == sent else None


def _first_index(keys: list[int], sent: int) -> int | None:
    """Whether indexes count from 0 or from 1; None where it cannot be told.

    A 0 or the number sent decides. Without either, 0 is what every list in JSON begins with, but a guess could
    park the neighbour: so only a full or decided list is believed.
    """
    if not keys or 0 in keys:
        return 0
    return 1 if sent in keys else None


def _entries(value: Any, presumed: Outcome | None, depth: int) -> Iterator[Entry]:
    """The entries of a list or an object; ``presumed`` is what the name of the list says of them."""
    if depth == 0:
        return
    if isinstance(value, list):
        for place, item in enumerate(value):
            entry = entry_of(item, presumed)
            if entry is not None:
                yield replace(entry, place=place, among=len(value) if presumed is None else 0)
    elif isinstance(value, Mapping):
        alone = entry_of(value, None)
        if alone is not None and alone.key is not None:
            yield alone
            return
        for key, item in value.items():
            yield from _members(str(key), item, depth)


def _members(key: str, item: Any, depth: int) -> Iterator[Entry]:
    name = plain(key)
    presumed = Outcome.REFUSED if name in _BAD_LISTS else Outcome.ACCEPTED if name in _GOOD_LISTS else None
    keyed = key_of(key)
    if keyed is not None:
        entry = entry_of(item, presumed)
        if entry is not None:
            yield replace(entry, key=keyed)
    elif isinstance(item, Mapping) and presumed is not None:
        # {"errors": {"<id or index>": ...}}
        for inner, value in item.items():
            entry = entry_of(value, presumed)
            if entry is not None:
                yield replace(entry, key=key_of(str(inner)))
    elif isinstance(item, list | Mapping):
        yield from _entries(item, presumed, depth - 1)
