"""Poison in whose learner somebody is: accounts that cannot be used or asked, and links that do not say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from django.db import connection
from social_django.models import UserSocialAuth

from percipio_openedx.models import Account
from tests.poison.errors import CANARY
from tests.poison.model import Drawn, Poison, Sight, tenth
from tests.poison.world import CUSTOMERS, PLACES, Pair, Place, World, organization_of

# What no key decrypts: of a key that is gone, cut off, or never encrypted at all.
SECRETS = (b"sealed", b"gAAAAABm", CANARY.encode(), b"\xff\x00\xfe")
# What was a rule in another version, or in somebody's dreams.
RULES = ("", "sso:", "sso:=", "sso:customer=", "everybody", f"sso:{CANARY}=", "sso:a b=c", "x" * 900)
# Extra data that cannot be read, or says of nobody, or of two customers, that the learner is theirs.
LINKS: tuple[Any, ...] = (
    *(CANARY, "{half", [CANARY], 7),
    *({"customer": said} for said in (list(CUSTOMERS), CANARY, None, 7)),
)
ACCOUNTS = tuple(place for place in PLACES if place.account)


def at_a_secret(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """An account's secret that cannot be decrypted: its learners fall to no other account."""
    for place in tenth(ACCOUNTS, rng):
        secret = rng.choice(SECRETS)
        yield Poison(
            f"the secret of {place.account}: {secret!r}",
            world.at(place),
            lambda place=place, secret=secret: _with(place, "client_secret", secret),
            Sight.HELD,
        )


def at_a_rule(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A rule that cannot be read: its learners, and those of the accounts that are asked later, could be anybody's."""
    for place in tenth(ACCOUNTS, rng):
        rule = rng.choice(RULES)
        later = PLACES[PLACES.index(place) :]
        yield Poison(
            f"the rule of {place.account}: {rule!r:.40}",
            frozenset(pair for one in later if one.org == place.org for pair in world.at(one)),
            lambda place=place, rule=rule: _with(place, "learners", rule),
            Sight.HELD,
        )


@contextmanager
def _with(place: Place, column: str, value: Any) -> Iterator[None]:
    """An account's row with this in it, as it may stand in the database, whatever a form would say."""
    (pk,) = Account.objects.filter(name=place.account).values_list("pk", flat=True)
    before = _write(pk, column, value)
    try:
        yield
    finally:
        _write(pk, column, before)


def _write(pk: int, column: str, value: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM percipio_openedx_account WHERE id = %s", [pk])
        (before,) = cursor.fetchone()
        cursor.execute(f"UPDATE percipio_openedx_account SET {column} = %s WHERE id = %s", [value, pk])
    return before


def at_a_link(world: World, rng: Random, drawn: Drawn) -> Iterator[Poison]:
    """A learner's link that does not say whose learner it is."""
    with_accounts = [user_id for user_id in world.learners if any(map(_in_second_site, world.pairs_of(user_id)))]
    for user_id in tenth(with_accounts, rng):
        value = rng.choice(LINKS)
        if isinstance(value, dict):
            value = {**value, "org": organization_of(user_id)}
        pairs = world.pairs_of(user_id)
        yield Poison(
            f"the link of {user_id}: {value!r}",
            # What only rules of accounts read harms nobody elsewhere; the organization is read at every site.
            frozenset(filter(_in_second_site, pairs)) if isinstance(value, dict) else pairs,
            lambda user_id=user_id, value=value: _saying(user_id, value),
            Sight.HELD,
        )


def _in_second_site(pair: Pair) -> bool:
    return any(place.customer and place.org in pair.course_key for place in PLACES)


@contextmanager
def _saying(user_id: int, value: Any) -> Iterator[None]:
    """A link with this extra data; saved again in the end, as by the next login."""
    link = UserSocialAuth.objects.get(user_id=user_id)
    before = link.extra_data
    UserSocialAuth.objects.filter(pk=link.pk).update(extra_data=value)
    try:
        yield
    finally:
        link.extra_data = before
        link.save()
