"""Whose credentials send what, and which organization is which."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sites.models import Site

from percipio_openedx import config
from percipio_openedx.config import Configuration
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import Destination, PercipioConfiguration, Statement
from percipio_openedx.models.statement import State
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, destination_of, drain, states

pytestmark = pytest.mark.django_db(transaction=True)


def configure(**values: Any) -> None:
    """A new version of the site's own configuration."""
    own = {"client_id": "own", "client_secret": "own-secret", "partner_name": "own-partner", "enabled": True}
    PercipioConfiguration.objects.create(site=Site.objects.get(pk=1), **{**own, **values})


def in_force() -> Configuration:
    """The site's configuration as it is now."""
    found = config.for_site(1)
    assert found is not None
    return found


def made() -> Destination:
    """Where a statement goes that is made now."""
    return Destination.of(1, "", own_credentials=in_force().own_credentials)


def reason() -> str:
    """Why nothing is sent, if nothing is."""
    return Destination.objects.get(own_credentials=True).paused_reason


@pytest.mark.parametrize("way", ["emptied", "deleted"])
def test_what_was_made_with_a_sites_own_credentials_is_never_sent_with_those_of_the_settings(
    site: Sandbox, way: str
) -> None:
    configure()
    add(1, destination=made())
    if way == "emptied":
        configure(client_id="", client_secret="", partner_name="")
    else:
        PercipioConfiguration.objects.all().delete()
    add(2, destination=made())

    drain(rounds=3)

    # What is made now is reported as the settings say.
    assert [entry.partner for entry in site.entries] == ["acme"]
    assert (states(), reason()) == ({1: State.WAITING, 2: State.DELIVERED}, "own_credentials")
    assert "credentials of the site's own" in Destination.objects.get(own_credentials=True).last_error
    configure()
    drain(NOW.replace(year=2027))
    assert sorted(entry.partner for entry in site.entries) == ["acme", "own-partner"]
    assert reason() == ""


def test_what_waits_goes_along_when_a_site_gets_credentials_of_its_own(site: Sandbox) -> None:
    add(1, destination=made())
    configure()
    add(2, destination=made())

    assert deliver_due(NOW).sent == 2
    assert {entry.partner for entry in site.entries} == {"own-partner"}
    assert Destination.objects.get().own_credentials


def test_before_anything_is_made_with_them_too(site: Sandbox) -> None:
    add(1, destination=destination_of())
    configure()
    assert deliver_due(NOW).sent == 1
    assert Destination.objects.get().own_credentials


@pytest.mark.parametrize("names", [("acme", "ACME"), ("muller", "müller"), ("strasse", "straße"), ("a", "å")])
def test_organizations_are_one_only_if_they_are_the_same(site: Sandbox, names: tuple[str, str]) -> None:
    """MySQL and MariaDB take these for one where nothing else is said: one would get the other's learners."""
    for number, name in enumerate(names):
        add(number, destination=destination_of(name))

    assert deliver_due(NOW).sent == 2

    assert sorted(entry.organization for entry in site.entries) == sorted(names)
    assert Destination.objects.filter(organization=names[1]).count() == 1


@pytest.mark.parametrize("name", ["..", ".", "a/b", "a\\b"])
def test_what_cannot_stand_in_an_address_is_never_asked_for(site: Sandbox, name: str) -> None:
    add(1, destination=destination_of(name))
    add(2)

    deliver_due(NOW)

    assert states() == {1: State.WAITING, 2: State.DELIVERED}
    row = Destination.objects.get(organization=name)
    assert (row.paused_reason, repr(name) in row.last_error) == ("configuration", True)
    assert all(".." not in request.path for request in site.requests)


def test_what_track_skipped_is_sent_as_statements_if_the_site_says_so(site: Sandbox, settings: Any) -> None:
    settings.PERCIPIO_API = "track"
    for number in range(3):
        add(number)
    assert deliver_due(NOW).sent == 0
    assert set(states().values()) == {State.SKIPPED}

    settings.PERCIPIO_API = "statements"
    assert deliver_due(NOW).sent == 0
    settings.PERCIPIO_SEND_SKIPPED = True
    Statement.objects.filter(learner_course__user_id=2).update(voided_by=Statement.objects.first().uuid)

    assert deliver_due(NOW).sent == 2
    assert states() == {0: State.DELIVERED, 1: State.DELIVERED, 2: State.SKIPPED}
    assert deliver_due(NOW).next_due is None


def test_on_track_it_stays_skipped(site: Sandbox, settings: Any) -> None:
    settings.PERCIPIO_API, settings.PERCIPIO_SEND_SKIPPED = "track", True
    add(1)
    deliver_due(NOW)

    assert (deliver_due(NOW).sent, states()) == (0, {1: State.SKIPPED})


def test_a_site_says_so_for_itself(site: Sandbox, settings: Any) -> None:
    settings.PERCIPIO_API = "track"
    add(1)
    deliver_due(NOW)
    settings.PERCIPIO_API = "statements"
    configure(send_skipped=True)

    assert deliver_due(NOW).sent == 1
