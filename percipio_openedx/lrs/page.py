"""One page of statements: as many as are asked for, as far as the size of an answer allows."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Final
from uuid import UUID

from django.db import router

from percipio_openedx.lrs.many import first_batches
from percipio_openedx.lrs.streams import Found, Stream, Window
from percipio_openedx.models.statement import Statement

# Bytes of statements in one answer; the one that passes the mark is still given.
LARGEST: Final = 4 * 1024 * 1024

FEW_STREAMS: Final = 5

_BODIES_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement as it is kept."""

    uuid: UUID
    stored_at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Page:
    """Statements in their order, and when the last of them was stored if there are more behind it."""

    statements: tuple[Kept, ...]
    goes_on_after: datetime | None


def page(streams: Sequence[Stream], window: Window, limit: int) -> Page:
    """The first ``limit`` statements of the window, fewer where they are large."""
    found = list(islice(_merged(streams, window, limit + 1), limit + 1))
    statements: list[Kept] = []
    size = 0
    for start in range(0, min(len(found), limit), _BODIES_AT_ONCE):
        some = found[start : min(start + _BODIES_AT_ONCE, limit)]
        bodies = kept([each.pk for each in some])
        for count, each in enumerate(some, start=start + 1):
            if each.pk in bodies:  # or erased since
                statements.append(bodies[each.pk])
                size += len(bodies[each.pk].body)
            if size > LARGEST and count < len(found):
                return Page(tuple(statements), each.stored_at)
    goes_on = found[limit - 1].stored_at if len(found) > limit else None
    return Page(tuple(statements), goes_on)


def kept(pks: Sequence[int]) -> dict[int, Kept]:
    """Statements by their rows."""
    rows = (
        Statement.objects.using(router.db_for_write(Statement))
        .filter(pk__in=pks)
        .values_list("pk", "uuid", "stored_at", "body")
    )
    return {pk: Kept(uuid, stored_at, bytes(body)) for pk, uuid, stored_at, body in rows}


def _merged(streams: Sequence[Stream], window: Window, wanted: int) -> Iterator[Found]:
    """All streams as one, each statement once."""
    firsts = first_batches(streams, window) if len(streams) > FEW_STREAMS else [None] * len(streams)
    reading = [stream.read(window, wanted, first) for stream, first in zip(streams, firsts, strict=True)]
    last = None
    for each in heapq.merge(*reading, reverse=not window.ascending):
        if each != last:
            yield each
        last = each
