"""The accounts of a site in the admin: the form, the history, the lists, and what an operator moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.capture import wake
from percipio_openedx.models import (
    Account,
    Alert,
    Destination,
    LearnerCourse,
    PercipioConfiguration,
    PullClient,
    Statement,
)
from percipio_openedx.models.statement import State
from percipio_openedx.operations import requeue
from percipio_openedx.settings.common import DEFAULTS
from percipio_sandbox import Sandbox
from tests.integration.admin.forms import save
from tests.integration.admin.world import World

SECRET = "canary-of-the-account-19d4"
WHOLE = {
    "site": "1",
    "name": "acme",
    "position": "1",
    "enabled": "on",
    "partner_name": "acme",
    "client_id": "acme-client",
    "new_password": SECRET,
    "region": "eu",
    "learners": "sso:org=acme-1",
}
ADD = "admin:percipio_openedx_account_add"
LIST = "admin:percipio_openedx_account_changelist"


@pytest.fixture
def admin(operator: Callable[..., Client]) -> Client:
    return operator("add_account", "view_account")


def saved(client: Client, **changes: str) -> Account:
    response = save(client, {**WHOLE, **changes}, ADD)
    assert response.status_code == 302, response.context["errors"]
    return Account.objects.order_by("-pk")[0]


def errors(client: Client, **changes: str) -> dict[str, list[str]]:
    before = Account.objects.count()
    response = save(client, {**WHOLE, **changes}, ADD)
    assert response.status_code == 200
    assert Account.objects.count() == before
    assert SECRET not in response.content.decode()
    found: dict[str, list[str]] = response.context["adminform"].form.errors
    return {name: list(texts) for name, texts in found.items()}


def test_a_whole_form_is_in_force_at_once(admin: Client) -> None:
    saved(admin, api="track", learner_id="sso:id")
    found = config.for_account(1, "acme")

    assert found is not None
    assert (found.partner, found.client_id, found.client_secret.reveal()) == ("acme", "acme-client", SECRET)
    assert (found.api, found.learner_id, found.learners) == ("track", "sso:id", "sso:org=acme-1")
    assert found.api_url == config.site.REGIONS["eu"][0]


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"learners": ""}, "learners", "is empty: choose whose data goes to Percipio"),
        ({"learners": "", "enabled": ""}, "learners", "is empty: choose whose data goes to Percipio"),
        ({"learners": "everyone"}, "learners", "it must be all or sso:<name>"),
        ({"learners": "sso:org="}, "learners", "KEY=VALUE"),
        ({"region": ""}, "region", "it must be one of"),
        ({"name": "Acme GmbH"}, "name", "is no short name"),
        ({"new_password": ""}, "client_secret", "is empty"),
        ({"partner_name": ""}, "partner_name", "is empty"),
        ({"partner_name": "a/b"}, "partner_name", "no slash"),
        ({"api_url": "http://evil.example"}, "api_url", "https://"),
    ],
)
def test_each_mistake_stands_at_its_field(admin: Client, changes: dict[str, str], field: str, words: str) -> None:
    found = errors(admin, **changes)
    assert list(found) == [field]
    assert words in found[field][0]


def test_nothing_is_taken_from_the_settings_credentials(admin: Client, reporting: Any) -> None:
    assert set(errors(admin, partner_name="", client_id="", new_password="")) == {
        *("partner_name", "client_id", "client_secret")
    }


def test_the_secret_is_kept_and_written_only(admin: Client) -> None:
    saved(admin)
    page = admin.get(reverse(ADD) + f"?source={Account.objects.get().pk}").content.decode()
    assert SECRET not in page
    assert "Stored; leave it empty to keep it" in page
    saved(admin, new_password="", position="5")
    found = config.for_account(1, "acme")
    assert found is not None
    assert found.client_secret.reveal() == SECRET
    # Another account has another secret, and no address is sent a stored one.
    assert "client_secret" in errors(admin, name="beta", new_password="")
    assert "client_secret" in errors(admin, region="us", new_password="")
    listed = admin.get(reverse(LIST)).content.decode()
    assert SECRET not in listed
    assert "acme-client" in listed


def test_the_list_shows_each_account_once_and_its_history_all(admin: Client) -> None:
    saved(admin)
    saved(admin, name="beta", position="0")
    saved(admin, position="2")
    rows = admin.get(reverse(LIST)).context["cl"].queryset
    assert [(row.name, row.position) for row in rows] == [("beta", 0), ("acme", 2)]
    assert admin.get(reverse(LIST) + "?show_history=1").context["cl"].queryset.count() == 3


def test_an_earlier_version_is_taken_back(admin: Client) -> None:
    first = saved(admin)
    saved(admin, new_password="", learners="all")
    response = admin.post(reverse(LIST) + "?show_history=1", {"action": "revert", "_selected_action": [first.pk]})
    # It is shown what it means, and saved there.
    assert response["Location"] == f"{reverse(ADD)}?source={first.pk}"
    saved(admin, new_password="")
    found = Account.newest(1, "acme")
    assert found is not None
    assert (found.learners, found.client_secret.reveal()) == ("sso:org=acme-1", SECRET)


def test_the_connection_of_an_account(operator: Callable[..., Client], sandbox: Sandbox) -> None:
    client = operator("test_account", "view_account", name="tester")
    Account.objects.create(
        **{"site": Site.objects.get(pk=1), "name": "acme", "enabled": True, "learners": "all", "region": "custom"},
        **{"partner_name": "acme", "client_id": "c", "client_secret": SECRET},
        **{"api_url": sandbox.url, "token_url": sandbox.token_url},
    )
    address = reverse("admin:percipio_openedx_test_account", args=[1, "acme"])
    response = client.post(address)
    assert response.context["is_well"]
    assert "example.com, account acme" in response.content.decode()
    assert any("/partners/acme/" in request.path for request in sandbox.requests)
    assert SECRET not in response.content.decode()
    save_off = Account.newest(1, "acme")
    assert save_off is not None
    save_off.enabled = False
    save_off.save()
    assert "This account is switched off" in client.get(address).content.decode()
    assert client.get(reverse("admin:percipio_openedx_test_account", args=[1, "beta"])).status_code == 404
    assert operator("view_account", name="other").get(address).status_code == 403


def test_lists_and_overview_name_the_account(world: World, everything: Client) -> None:
    Destination.objects.create(site_id=1, account="acme-account", own_credentials=True)
    LearnerCourse.objects.update(account="acme-account")
    for name in ("overview", "destination_changelist", "learnercourse_changelist"):
        page = everything.get(reverse(f"admin:percipio_openedx_{name}")).content.decode()
        assert "acme-account" in page, name


def test_alerts_name_the_account(world: World, everything: Client) -> None:
    now, row = timezone.now(), Destination.objects.create(site_id=1, account="beta", organization="org")
    for subject in ("account:1:acme", f"destination:{row.pk}"):
        Alert.objects.create(kind="misconfigured", subject=subject, is_on=True, changed_at=now)
    page = everything.get(reverse("admin:percipio_openedx_alert_changelist")).content.decode()
    assert "example.com, account acme" in page
    assert "example.com, account beta, org" in page


def test_a_pull_client_is_of_an_account_where_there_are_any(admin: Client, everything: Client) -> None:
    address = reverse("admin:percipio_openedx_pullclient_add")
    saved(admin)
    form = {"site": "1", "client_id": "app", "enabled": "on"}
    for account, words in (("", "name the one"), ("beta", "no account of this name")):
        found = everything.post(address, {**form, "account": account}).context["adminform"].form.errors
        assert words in found["account"][0]
    found = everything.post(address, {**form, "account": "acme"}).context["adminform"].form.errors
    assert "account" not in found
    assert not PullClient.objects.exists()


def test_moving_asks_first_and_is_written_down(world: World, everything: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(wake, "on_commit", lambda: None)
    address = reverse("admin:percipio_openedx_statement_changelist")
    rows = list(Statement.objects.order_by("pk"))
    data = {"action": "move", "_selected_action": [row.pk for row in rows]}
    before = list(Statement.objects.order_by("pk").values())
    page = everything.post(address, data)
    assert "is never moved" in page.content.decode()
    assert list(Statement.objects.order_by("pk").values()) == before
    everything.post(address, {**data, "confirmed": "1"})

    now = {row.pk: (row.state, row.may_move) for row in Statement.objects.all()}
    for row in rows:
        is_moved = row.state in (State.WAITING, State.PARKED, State.DISCARDED, State.SKIPPED)
        assert now[row.pk] == ((State.OUTDATED, True) if is_moved else (row.state, False)), row.state
    assert LogEntry.objects.filter(change_message__contains="Moved to the learner").count() == 4


@pytest.mark.parametrize("permission", ["move_statement", "report_anew_learnercourse"])
def test_only_who_may_is_offered_it(world: World, operator: Callable[..., Client], permission: str) -> None:
    seeing = ("view_statement", "view_learnercourse")
    name, model = ("move", "statement") if permission == "move_statement" else ("report_anew", "learnercourse")
    address = reverse(f"admin:percipio_openedx_{model}_changelist")
    for client, offered in (
        (operator(*seeing, name="without"), False),
        (operator(*seeing, permission, name="with"), True),
    ):
        assert (f'value="{name}"' in client.get(address).content.decode()) is offered


def test_reporting_again_asks_first_and_says_why_not(world: World, everything: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(wake, "on_commit", lambda: None)
    address = reverse("admin:percipio_openedx_learnercourse_changelist")
    data = {"action": "report_anew", "_selected_action": [row.pk for row in LearnerCourse.objects.all()]}
    assert "under new ids" in everything.post(address, data).content.decode()
    found = requeue.Anew(done=1)
    found.refused[requeue.Refusal.TOLD] = 2
    monkeypatch.setattr(requeue, "report_anew", lambda rows: found)
    page = everything.post(address, {**data, "confirmed": "1"}, follow=True).content.decode()
    assert "1 is reported again." in page
    assert "2 not: the learner&#x27;s account has been told something already" in page
    assert LogEntry.objects.filter(change_message="Reported again: 1.").exists()


def test_a_site_with_accounts_needs_no_credentials_of_its_own(everything: Client, settings: Any) -> None:
    for name, value in DEFAULTS.items():
        setattr(settings, name, value)
    typed = {"site": "1", "enabled": "on", "send_names": "unknown", "send_skipped": "unknown", "progress_step": "20"}
    response = save(everything, typed)
    assert {"partner_name", "client_id"} <= set(response.context["adminform"].form.errors)
    saved(everything)
    response = save(everything, typed)
    assert response.status_code == 302, response.context["adminform"].form.errors
    found = config.for_account(1, "acme")
    assert found is not None
    assert found.policy.progress_step == 20
    # What is wrong is said all the same.
    response = save(everything, {**typed, "progress_step": "101"})
    assert list(response.context["adminform"].form.errors) == ["progress_step"]
    assert PercipioConfiguration.objects.count() == 1
