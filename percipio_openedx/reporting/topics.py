"""The topics of new statements, and their terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from percipio_openedx.data import BuiltStatement
from percipio_openedx.db import persistently
from percipio_openedx.models.statement import Statement, TopicTerm
from percipio_openedx.statements.ids import topic_of


def topics_of(site_id: int, built: Iterable[BuiltStatement]) -> dict[UUID, UUID]:
    """Return the topic of each statement, by the statement's id; the terms of those that are new are stored.

    A statement that takes another back is found by whatever finds the other (xAPI 1.0.3, Communication 2.1.3, filter
    conditions for StatementRefs), and so has the other's terms besides its own.

    Arguments:
        site_id: the site of all of them.
        built: the statements; those that they take back are stored already.
    """
    statements = list(built)
    inherited = _terms_of_stored(site_id, [each.retracts for each in statements if each.retracts is not None])
    terms = {each.id: each.terms | inherited.get(each.retracts, frozenset()) for each in statements}
    topics = {uuid: topic_of(of_one) for uuid, of_one in terms.items()}
    wanted = {topics[uuid]: of_one for uuid, of_one in terms.items()}
    known = TopicTerm.objects.filter(site_id=site_id, topic__in=list(wanted)).values_list("topic", flat=True).distinct()
    new = [
        TopicTerm(site_id=site_id, topic=topic, term=term)
        for topic in sorted(wanted.keys() - set(known))
        for term in sorted(wanted[topic])
    ]
    if new:
        _add(new)
    return topics


def _terms_of_stored(site_id: int, uuids: list[UUID]) -> Mapping[UUID | None, frozenset[str]]:
    """Return the terms of the statements with these ids."""
    if not uuids:
        return {}
    topics = dict(Statement.objects.filter(uuid__in=uuids).values_list("uuid", "topic"))
    terms: dict[UUID, set[str]] = defaultdict(set)
    rows = TopicTerm.objects.filter(site_id=site_id, topic__in=set(topics.values()))
    for topic, term in rows.values_list("topic", "term"):
        terms[topic].add(term)
    return {uuid: frozenset(terms[topic]) for uuid, topic in topics.items()}


@persistently
def _add(terms: Sequence[TopicTerm]) -> None:
    """Store all of them or none; another worker may have been faster."""
    TopicTerm.objects.bulk_create(terms, ignore_conflicts=True)
