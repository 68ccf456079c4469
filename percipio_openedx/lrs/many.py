"""Many topics at once: the first few statements of each, in few queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from percipio_openedx.lrs.streams import FIRST_OF_MANY, Entry, Stream, Window, within
from percipio_openedx.models.statement import Statement, StatementQuerySet

_TOGETHER: Final = 100
# Stands for the number of a topic; no topic has it.
_ANY_TOPIC: Final = -1
# Around a text of Django's own, in which every value is bound.
_ONE_TOPIC: Final = "SELECT * FROM ({}) AS topic_{}"


def first_batches(streams: Sequence[Stream], window: Window) -> list[list[Entry] | None]:
    """The first rows of each stream that is of one topic; None for the others.

    A teacher of many courses has hundreds of topics. Their queries differ in a number alone, so that one is written by
    Django and then put together as often as there are topics.
    """
    of_topics = [stream for stream in streams if stream.topic_id is not None]
    found: dict[int | None, list[Entry]] = {stream.topic_id: [] for stream in of_topics}
    if of_topics:
        pattern = of_topics[0].rows.filter(topic=_ANY_TOPIC)
        topic_ids = [topic_id for topic_id in found if topic_id is not None]
        for start in range(0, len(topic_ids), _TOGETHER):
            for row in _rows(within(pattern, window), topic_ids[start : start + _TOGETHER]):
                found[row.topic_id].append((row.stored_at, row.pk, None))
        for entries in found.values():
            entries.sort(reverse=not window.ascending)  # a union promises no order
    return [None if stream.topic_id is None else found[stream.topic_id] for stream in streams]


def _rows(pattern: StatementQuerySet, topic_ids: Sequence[int]) -> list[Statement]:
    """The first rows of each topic."""
    sql, values = pattern.values_list("id", "stored_at", "topic_id")[:FIRST_OF_MANY].query.sql_with_params()
    each = [_ONE_TOPIC.format(sql, number) for number in range(len(topic_ids))]
    filled = [pk if value == _ANY_TOPIC else value for pk in topic_ids for value in values]
    return list(Statement.objects.using(pattern.db).raw(" UNION ALL ".join(each), filled))
