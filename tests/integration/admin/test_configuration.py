"""The configuration form: what it accepts, what it says, and where the secret goes."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse

from percipio_openedx import config
from percipio_openedx.enums import Kind, Retakes
from percipio_openedx.models import PercipioConfiguration
from percipio_openedx.settings.common import DEFAULTS
from tests.integration.admin.forms import ADD, save

LIST = "admin:percipio_openedx_percipioconfiguration_changelist"
SECRET = "canary-of-the-form-77e1"

WHOLE = {
    "site": "1",
    "enabled": "on",
    "partner_name": "acme",
    "client_id": "acme-client",
    "new_password": SECRET,
    "region": "eu",
    "learners": "all",
    "send_names": "unknown",
}


@pytest.fixture(autouse=True)
def _no_settings(settings: Any) -> None:
    for name, value in DEFAULTS.items():
        setattr(settings, name, value)


@pytest.fixture
def admin(operator: Callable[..., Client]) -> Client:
    return operator("add_percipioconfiguration", "view_percipioconfiguration")


def posted(client: Client, changes: dict[str, str]) -> Any:
    """The answer to the form; the secret goes by the name that it has in the page."""
    named = {"new_password" if name == "client_secret" else name: text for name, text in changes.items()}
    return save(client, {**WHOLE, **named})


def saved(client: Client, **changes: str) -> PercipioConfiguration:
    """The row that the form saves; ``""`` takes a field out."""
    response = posted(client, changes)
    assert response.status_code == 302, response.context["errors"]
    return PercipioConfiguration.objects.order_by("-pk")[0]


def errors(client: Client, **changes: str) -> dict[str, list[str]]:
    """What the form says, by field."""
    before = PercipioConfiguration.objects.count()
    response = posted(client, changes)
    assert response.status_code == 200
    assert PercipioConfiguration.objects.count() == before
    assert SECRET not in response.content.decode()
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return {name: list(texts) for name, texts in found.items()}


def test_a_whole_form_is_in_force_at_once(admin: Client) -> None:
    saved(admin, learner_id="sso:PercipioUserUUID", progress_step="20", send_names="false")
    found = config.for_site(1)

    assert found is not None
    assert (found.partner, found.client_id, found.client_secret.reveal()) == ("acme", "acme-client", SECRET)
    assert (found.learner_id, found.policy.progress_step, found.send_names) == ("sso:PercipioUserUUID", 20, False)
    assert found.api_url == "https://dew1-api.percipio.com"


def test_an_empty_secret_keeps_the_former_one_of_that_site(admin: Client) -> None:
    saved(admin)
    row = saved(admin, client_secret="", partner_name="renamed")

    assert (row.partner_name, row.client_secret.reveal()) == ("renamed", SECRET)


def test_an_empty_secret_never_takes_another_sites(admin: Client) -> None:
    saved(admin)
    other = Site.objects.create(domain="other.example.com", name="other")

    assert errors(admin, site=str(other.pk), client_secret="") == {
        "client_secret": ["is empty; Skillsoft gives it with the service account"]
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "another"},
        {"region": "us"},
        {"token_url": "https://thief.example.com/token"},
        {"api_url": "https://thief.example.com"},
    ],
)
def test_a_stored_secret_is_not_sent_elsewhere(admin: Client, changes: dict[str, str]) -> None:
    saved(admin)

    assert list(errors(admin, client_secret="", **changes)) == ["client_secret"]
    assert saved(admin, client_secret="typed-anew", **changes).client_secret.reveal() == "typed-anew"


def test_the_settings_credentials_are_not_sent_to_an_address_typed_here(admin: Client, settings: Any) -> None:
    settings.PERCIPIO_PARTNER_NAME = "acme"
    settings.PERCIPIO_CLIENT_ID = "of-the-settings"
    settings.PERCIPIO_CLIENT_SECRET = "canary-of-the-settings"

    found = errors(admin, client_id="", client_secret="", api_url="https://thief.example.com")

    assert list(found) == ["client_id"]
    assert saved(admin, client_id="", client_secret="", partner_name="").region == "eu"


def test_every_mistake_is_shown_at_its_field(admin: Client) -> None:
    found = errors(
        admin,
        partner_name="",
        region="custom",
        api_url="http://example.com",
        learner_id="nickname",
        progress_step="400",
        timeout="0",
        undone="perhaps",
    )

    assert found == {
        "partner_name": ["is empty; Skillsoft gives it with the service account"],
        "api_url": ["must begin with https:// (http only for this machine itself)"],
        "token_url": ["is empty or no full address; PERCIPIO_REGION custom needs one"],
        "learner_id": ["is 'nickname'; it must be email, username, external_id, sso_uid or sso:<name>"],
        "progress_step": ["is 400; it must be from 1 to 100"],
        "timeout": ["is 0; it must be from 1 to 120"],
        "undone": ["Select a valid choice. perhaps is not one of the available choices."],
    }


def test_a_mistake_in_the_settings_is_named_as_theirs(admin: Client, settings: Any) -> None:
    settings.PERCIPIO_BATCH_SIZE = 9999

    assert errors(admin) == {"batch_size": ["The setting PERCIPIO_BATCH_SIZE is 9999; it must be from 1 to 500"]}


def test_so_is_one_in_an_address_that_the_site_inherits(admin: Client, settings: Any) -> None:
    settings.PERCIPIO_REGION = "moon"

    (problem,) = errors(admin, region="")["region"]
    assert problem.startswith("The setting PERCIPIO_REGION is 'moon'")


def test_a_site_can_be_switched_off_without_credentials(admin: Client) -> None:
    row = saved(admin, enabled="", partner_name="", client_id="", client_secret="", region="", learners="")

    assert (row.enabled, config.for_site(1)) == (False, None)


def test_a_new_version_starts_from_the_former_one_without_its_secret(admin: Client) -> None:
    row = saved(admin, learners="sso:tpa-saml")
    page = admin.get(reverse(ADD), {"source": row.pk}).content.decode()

    assert 'value="acme-client"' in page
    assert chosen(page) == ["sso"]
    assert 'name="learners_sso" value="tpa-saml"' in page
    assert 'type="password" name="new_password"' in page
    assert 'name="client_secret"' not in page
    assert "Stored; leave it empty to keep it" in page
    assert SECRET not in page


def chosen(page: str) -> list[str]:
    """Which radio buttons of the learners are chosen in a page."""
    return re.findall(r'type="radio" name="learners" value="([a-z]*)"[^>]* checked', page)


def test_nobody_is_chosen_until_an_operator_does(admin: Client, settings: Any) -> None:
    page = admin.get(reverse(ADD)).content.decode()
    assert chosen(page) == []
    assert page.count('type="radio" name="learners"') == 2
    for sentence in ("Every learner of the reported courses: their id", "and nothing of anybody else."):
        assert sentence in page
    (problem,) = errors(admin, learners="")["learners"]
    assert problem.startswith("The setting PERCIPIO_LEARNERS is empty: choose whose data goes to Percipio")

    settings.PERCIPIO_LEARNERS = "sso:okta"
    page = admin.get(reverse(ADD)).content.decode()
    assert chosen(page) == [""]
    assert "As the setting says: sso:okta" in page
    assert saved(admin, learners="").learners == ""


@pytest.mark.parametrize(
    ("typed", "learners"),
    [
        ({"learners": "all", "learners_sso": "ignored"}, "all"),
        ({"learners": "sso", "learners_sso": " tpa-saml "}, "sso:tpa-saml"),
        ({"learners": "sso", "learners_sso": "sso:okta"}, "sso:okta"),
        ({"learners": "sso:okta"}, "sso:okta"),
    ],
)
def test_whose_learners_are_chosen(admin: Client, typed: dict[str, str], learners: str) -> None:
    assert saved(admin, **typed).learners == learners


@pytest.mark.parametrize("typed", [{"learners": "sso"}, {"learners": "sso", "learners_sso": "  "}, {"learners": "x"}])
def test_a_choice_of_learners_that_is_none(admin: Client, typed: dict[str, str]) -> None:
    assert list(errors(admin, **typed)) == ["learners"]


def test_modes_milestones_and_retakes_are_a_sites_own(admin: Client) -> None:
    row = saved(admin, modes="verified, professional", milestones="completed,failed", retakes="first_only")
    found = config.for_site(1)

    assert found is not None
    assert found.modes == ("professional", "verified")
    assert found.policy.milestones == {Kind.COMPLETED, Kind.FAILED}
    assert (found.policy.retakes, row.retakes) == (Retakes.FIRST_ONLY, "first_only")
    page = admin.get(reverse(ADD)).content.decode()
    assert "As the setting says: started, progressed, passed, completed" in page
    assert set(errors(admin, modes="a b", milestones="won")) == {"milestones", "modes"}


@pytest.mark.parametrize("source", ["", "x", "999999", "²", "1 OR 1=1"])
def test_a_source_that_is_none_opens_an_empty_form(admin: Client, source: str) -> None:
    assert admin.get(reverse(ADD), {"source": source}).status_code == 200


def test_inherited_values_show_as_placeholders_but_never_a_secret(admin: Client, settings: Any) -> None:
    settings.PERCIPIO_PARTNER_NAME = "of-the-settings"
    settings.PERCIPIO_CLIENT_SECRET = SECRET
    page = admin.get(reverse(ADD)).content.decode()

    assert "As the setting says: of-the-settings" in page
    assert "As the setting says: United States" in page
    assert SECRET not in page


def revert(client: Client, row: PercipioConfiguration) -> Any:
    return client.post(
        reverse(LIST) + "?show_history=1", {"action": "revert", "_selected_action": [row.pk]}, follow=True
    )


def test_reverting_opens_the_form_with_that_version(admin: Client) -> None:
    old = saved(admin, timeout="11")
    saved(admin, client_secret="newer-secret", timeout="12")
    answer = revert(admin, old)
    page = answer.content.decode()

    assert answer.redirect_chain == [(f"{reverse(ADD)}?source={old.pk}", 302)]
    assert "Nothing is saved yet. If this is what you mean, save below." in page
    assert 'name="timeout" value="11"' in page
    assert "newer-secret" not in page
    assert PercipioConfiguration.objects.count() == 2
    row = saved(admin, client_secret="", timeout="11")
    assert (row.timeout, row.client_secret.reveal()) == (11, "newer-secret")


@pytest.mark.parametrize("changes", [{"client_id": "another"}, {"region": "us"}])
def test_reverting_to_what_takes_another_secret_asks_for_it(admin: Client, changes: dict[str, str]) -> None:
    old = saved(admin)
    saved(admin, client_secret="newer-secret", **changes)

    assert 'value="acme-client"' in revert(admin, old).content.decode()
    assert list(errors(admin, client_secret="")) == ["client_secret"]
    assert saved(admin, client_secret="typed-again").client_secret.reveal() == "typed-again"


def test_reverting_takes_the_permission_to_add(admin: Client, viewer: Client) -> None:
    old = saved(admin)
    saved(admin, partner_name="newer")
    viewer.post(reverse(LIST) + "?show_history=1", {"action": "revert", "_selected_action": [old.pk]})

    assert PercipioConfiguration.objects.count() == 2


def test_an_old_version_can_be_looked_at(admin: Client) -> None:
    old = saved(admin)
    saved(admin, partner_name="newer")
    page = admin.get(reverse("admin:percipio_openedx_percipioconfiguration_change", args=[old.pk])).content.decode()

    assert "acme" in page
    assert "not kept: only the newest version has one" in page
    assert SECRET not in page


def test_no_log_line_and_no_log_entry_holds_the_secret(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        saved(admin)
        saved(admin, client_secret="")
        errors(admin, timeout="0")

    entries = LogEntry.objects.values_list("object_repr", "change_message")
    assert entries.count() == 2
    assert SECRET not in caplog.text + str(list(entries))
