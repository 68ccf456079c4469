"""The topics of new statements, found or made before the statements are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db import transaction

from percipio_openedx.data import BuiltStatement
from percipio_openedx.models.statement import Statement
from percipio_openedx.models.topic import StatementTopic, TopicTerm
from percipio_openedx.statements.terms import topic_key
from percipio_openedx.transactions import persistently, write_alias


def topic_ids(site_id: int, built: Iterable[BuiltStatement]) -> dict[UUID, int]:
    """The topic of each statement, by the statement's id. One query where all topics are known.

    A statement that takes another back is found by whatever finds the other (xAPI 1.0.3, Communication 2.1.3, filter
    conditions for StatementRefs), and so has the other's terms besides its own.
    """
    statements = list(built)
    inherited = _targets([each.retracts for each in statements if each.retracts is not None])
    terms = {each.id: each.terms | inherited.get(each.retracts, frozenset()) for each in statements}
    keys = {uuid: topic_key(of_one) for uuid, of_one in terms.items()}
    wanted = {keys[uuid]: of_one for uuid, of_one in terms.items()}
    known = dict(StatementTopic.objects.filter(site_id=site_id, key__in=wanted).values_list("key", "pk"))
    for key in sorted(wanted.keys() - known.keys()):
        known[key] = _made(site_id, key, wanted[key])
    return {uuid: known[key] for uuid, key in keys.items()}


def _targets(uuids: list[UUID]) -> Mapping[UUID | None, frozenset[str]]:
    """The terms of the statements with these ids."""
    if not uuids:
        return {}
    found: dict[UUID | None, set[str]] = {}
    rows = Statement.objects.filter(uuid__in=uuids).values_list("uuid", "topic__terms__term")
    for uuid, term in rows:
        if term is not None:
            found.setdefault(uuid, set()).add(term)
    return {uuid: frozenset(terms) for uuid, terms in found.items()}


@persistently
def _made(site_id: int, key: str, terms: frozenset[str]) -> int:
    """A topic with its terms, both or neither; whoever loses the race finds the winner's."""
    with transaction.atomic(using=write_alias()):
        topic, is_new = StatementTopic.objects.get_or_create(site_id=site_id, key=key)
        if is_new:
            TopicTerm.objects.bulk_create(TopicTerm(topic=topic, site_id=site_id, term=term) for term in sorted(terms))
    return int(topic.pk)
