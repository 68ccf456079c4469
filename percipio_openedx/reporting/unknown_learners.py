"""Learners whom Percipio does not know: who is held back for it, and under which name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from percipio_openedx.config import Configuration
from percipio_openedx.data import LearnerIdentity
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.statements.content import learner
from percipio_openedx.statements.ids import actor_key_of


class RefusedName(NamedTuple):
    """The row of a learner unknown at a destination, and the key of the name that was refused there."""

    pk: int
    actor_key: str

    def is_of(self, identity: LearnerIdentity) -> bool:
        """Whether the learner is still called so; raises ``StatementError`` if no statement can name the learner."""
        return actor_key_of(learner(identity)) == self.actor_key


# By user id, account and Percipio organization, at the destinations of one site.
RefusedNames = Mapping[tuple[int, str, str], RefusedName]


def refused_names(configuration: Configuration, user_ids: Collection[int]) -> RefusedNames:
    """Return who of these is unknown to Percipio at the destinations of the site and its accounts. One query."""
    rows = UnknownLearner.objects.filter(user_id__in=user_ids, destination__site_id=configuration.site_id)
    if not configuration.accounts:
        rows = rows.filter(destination__account="", destination__own_credentials=configuration.own_credentials)
    columns = ("user_id", "destination__account", "destination__organization", "pk", "actor_key")
    return {
        (user_id, account, organization): RefusedName(pk, key)
        for user_id, account, organization, pk, key in rows.values_list(*columns)
    }
