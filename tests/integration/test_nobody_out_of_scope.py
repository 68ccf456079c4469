"""Whatever the rules are and however they change: who is in no account's scope is in no request, row or log line."""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from typing import Any

import pytest
from social_django.models import UserSocialAuth

from percipio_openedx.models import Account, Statement
from percipio_openedx.reporting import report_due
from percipio_sandbox import Sandbox
from tests.integration.builders import a_course, a_learner, enrolled
from tests.integration.test_accounts import percipio, save, site, works
from tests.integration.test_reporting import grade, notice

__all__ = ["percipio", "site"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

# What single sign-on says: the identity provider and the link's extra data (None cannot be read).
LINKS: dict[str, tuple[str, Any] | None] = {
    "nothing": None,
    "of acme": ("idp", {"org": "acme-1"}),
    "of beta": ("beta", {}),
    "of both": ("beta", {"org": "ACME-1"}),
    "of several": ("beta", {"org": ["acme-1", "other"]}),
    "unreadable": ("idp", "no data"),
}
BY_UUID, BY_PROVIDER, BROKEN = "sso:org=acme-1", "sso:beta", "nonsense"
# By the name of the account: its partner. Two accounts have the same one.
PARTNERS = {"acme": "acme", "beta": "beta", "twin": "acme"}


@dataclass
class Rules:
    """What is configured: the settings, and the accounts by name with position, rule, and whether they are on."""

    learners: str
    modes: tuple[str, ...]
    accounts: dict[str, tuple[int, str, bool]]

    def partner(self, link: str, mode: str) -> str:
        """Return who may be told of a learner, ``''`` for nobody: the rules once more, in the words of the issue."""
        if self.modes and mode not in self.modes:
            return ""
        if not self.accounts:
            return "site" if self.learners and _matches(self.learners, link) else ""
        for name, (_, rule, is_on) in sorted(self.accounts.items(), key=lambda one: (one[1][0], one[0])):
            matches = None if rule == BROKEN else _matches(rule, link)
            if matches is None:
                return ""
            if matches:
                return PARTNERS[name] if is_on else ""
        return ""


def _matches(rule: str, link: str) -> bool | None:
    """Return whether a rule matches, None if that cannot be told."""
    if rule == BY_UUID:
        return None if link in ("of several", "unreadable") else link in ("of acme", "of both")
    return rule == "all" or link in ("of beta", "of both", "of several")


def _draw(rng: random.Random) -> Rules:
    rules = ("all", BY_UUID, BY_PROVIDER, BY_UUID, BY_PROVIDER, BROKEN)
    named = rng.sample(sorted(PARTNERS), rng.choice((0, 1, 2, 3, 3)))
    accounts = {name: (rng.randrange(3), rng.choice(rules), rng.random() < 0.7) for name in named}
    return Rules(rng.choice(("", "all", BY_UUID, BY_PROVIDER)), rng.choice(((), (), ("verified",))), accounts)


def _configure(rules: Rules, site: Any, percipio: Sandbox) -> None:
    site.PERCIPIO_LEARNERS, site.PERCIPIO_MODES = rules.learners, list(rules.modes)
    Account.objects.exclude(name__in=rules.accounts).delete()
    for name, (position, rule, is_on) in rules.accounts.items():
        own = {"partner_name": PARTNERS[name], "client_id": f"{PARTNERS[name]}-id"}
        secret = f"{PARTNERS[name]}-secret"
        save(percipio, name, position=position, learners=rule, enabled=is_on, client_secret=secret, **own)


def _link(user: Any, name: str) -> None:
    UserSocialAuth.objects.filter(user=user).delete()
    if (found := LINKS[name]) is not None:
        uid = f"{found[0]}:{user.username}"
        UserSocialAuth.objects.create(user=user, provider="tpa-saml", uid=uid, extra_data=found[1])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_nobody_out_of_scope_is_told_of(
    site: Any, percipio: Sandbox, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    rng, course = random.Random(seed), a_course(units=2)
    caplog.set_level(logging.DEBUG, logger="percipio_openedx")
    mode_of = {f"person{number}": ("audit", "verified")[number % 2] for number in range(8)}
    users = {name: a_learner(name, name=f"Name-of-{name}") for name in mode_of}
    link_of = dict.fromkeys(users, "nothing")
    for name, user in users.items():
        enrolled(user, course, mode_of[name])
    told: set[str] = set()
    made_for: dict[int, str] = {}
    for step in range(8):
        if not step or rng.random() < 0.5:
            rules = _draw(rng)
            _configure(rules, site, percipio)
        for name in rng.sample(sorted(users), 6):
            link_of[name], mode_of[name] = rng.choice(sorted(LINKS)), rng.choice(("audit", "verified"))
            _link(users[name], link_of[name])
            enrolled(users[name], course, mode_of[name])
        for user in users.values():
            (grade if rng.random() < 0.5 else notice)(user, course)
        seen, requests, rows = len(percipio.entries), len(percipio.requests), Statement.objects.count()
        # Sometimes what is made now waits until the rules have changed.
        (works if rng.random() < 0.5 else report_due)()

        may = {name: rules.partner(link_of[name], mode_of[name]) for name in users}
        context = f"seed {seed}, step {step}: {rules}"
        for entry in percipio.entries[seen:]:
            name = entry.body["actor"]["mbox"].removeprefix("mailto:").partition("@")[0]
            assert may[name] == entry.partner, f"{context}: {link_of[name]}"
            told.add(entry.partner)
        tried = {one for request in percipio.requests[requests:] for one in request.ids}
        found = list(Statement.objects.order_by("pk").select_related("destination"))
        # What is in the requests, answered or not, and what is made.
        texts = [bytes(row.body) + bytes(row.track or b"") for row in found[rows:]]
        texts += [bytes(row.body) for row in found if str(row.uuid) in tried]
        for name in (name for name, partner in may.items() if not partner):
            assert not any(name.encode() in text for text in texts), context
        # Nothing that was made for one account goes to another by itself.
        now = {row.pk: row.destination.account for row in found}
        assert made_for.items() <= now.items(), context
        made_for = now
    assert not any(name in record.getMessage() for record in caplog.records for name in users)
    # No learner's one fact is told twice, wherever.
    ids = [entry.body["id"] for entry in percipio.entries]
    assert len(ids) == len(set(ids))
    assert told
