"""The setup page: six steps from the credentials to the first statement that arrives, each with its state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sites.models import Site
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.admin import setup_pages
from percipio_openedx.models import Account, Notice, PercipioConfiguration, Statement, StatementLedger
from percipio_openedx.operations import connection_check
from percipio_openedx.operations.run import run_once
from percipio_sandbox import Sandbox
from tests.integration.admin.forms import ADD
from tests.integration.builders import a_course, a_learner, a_site, enrolled

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing")]

SETTINGS = ("PARTNER_NAME", "ORGANIZATION_ID", "CLIENT_ID", "CLIENT_SECRET", "LEARNERS")
ALL = ["credentials", "test", "scope", "preview", "switch", "arrival"]
MAY_SEE = "view_percipioconfiguration"
SECRET = "canary-of-the-setup-19d2"


@pytest.fixture(autouse=True)
def _nothing_remembered() -> None:
    cache.clear()


def url(site_id: int = 1) -> str:
    return reverse("admin:percipio_openedx_site_setup", args=[site_id])


def states(client: Client, site_id: int = 1) -> dict[str, str]:
    """The state of each step, as the page says."""
    return states_of(client.get(url(site_id)))


def states_of(response: Any) -> dict[str, str]:
    assert response.status_code == 200
    return {step.name: str(step.state) for step in response.context["setup"].steps}


def act(client: Client, name: str, site_id: int = 1, **values: str) -> Any:
    return client.post(url(site_id), {"act": name, **values})


@pytest.fixture
def unset(arriving: Sandbox, settings: Any) -> Sandbox:
    """An LMS whose settings name no credentials, with a learner in a course."""
    settings.PERCIPIO_ENCRYPTION_KEYS = ["a text of keys 6f2c9e"]
    for name in SETTINGS:
        setattr(settings, f"PERCIPIO_{name}", "")
    enrolled(a_learner(), a_course())
    return arriving


def typed(arriving: Sandbox, **values: str) -> dict[str, str]:
    """What an operator types into the form, switched off as it is offered."""
    given = {
        "partner_name": "acme",
        "client_id": "acme-client",
        "new_password": SECRET,
        "region": "custom",
        "_save": "1",
    }
    return (
        {"site": "1", "send_names": "unknown", "api_url": arriving.url, "token_url": arriving.token_url}
        | given
        | values
    )


def test_from_nothing_to_the_first_statement(unset: Sandbox, everything: Client) -> None:
    assert states(everything) == {"credentials": "now"} | dict.fromkeys(ALL[1:], "later")
    page = everything.get(url()).content.decode()
    form = f"{reverse(ADD)}?setup=1"
    assert form in page
    assert everything.get(form).context["adminform"].form.initial["enabled"] is False

    # The learners are chosen later; the connection can be tried before.
    assert everything.post(form, typed(unset)).headers["Location"] == url()
    assert states(everything) == {"credentials": "done", "test": "now"} | dict.fromkeys(ALL[2:], "later")
    tested = act(everything, "test")
    assert states_of(tested)["test"] == "done"
    assert "Statements can be written" in tested.content.decode()
    assert states(everything) == {"credentials": "done", "test": "done", "scope": "now"} | dict.fromkeys(
        ALL[3:], "later"
    )
    assert "PERCIPIO_LEARNERS: is empty" in everything.get(url()).content.decode()

    version = PercipioConfiguration.objects.get().pk
    chosen = {**typed(unset, learners="all"), "new_password": ""}
    assert everything.post(f"{form}&source={version}", chosen).headers["Location"] == url()
    assert states(everything)["scope"] == "done"
    assert states(everything)["preview"] == "now"
    assert "Reports 1 learner in 1 of 1 course." in everything.get(url()).content.decode()

    preview = act(everything, "preview")
    assert "http://adlnet.gov/expapi/verbs/initialized" in preview.content.decode()
    assert states_of(preview)["preview"] == "done"
    assert (unset.statements, Statement.objects.count(), config.for_site(1)) == ([], 0, None)

    confirm = act(everything, "switch")
    assert "Reports 1 learner in 1 of 1 course." in confirm.content.decode()
    assert config.for_site(1) is None
    act(everything, "switch", confirmed=confirm.context["version"])
    assert config.for_site(1) is not None
    assert states(everything) == dict.fromkeys(ALL[:5], "done") | {"arrival": "now"}
    run_once()
    assert states(everything) == dict.fromkeys(ALL, "done")
    shown = everything.get(url())
    assert [count for _label, _state, count in shown.context["watch"]["counts"]] == ["0", "1", "0"]
    assert shown.context["watch"]["newest"] == Statement.objects.get()
    assert len(unset.statements) == 1


def stored(arriving: Sandbox, **values: Any) -> PercipioConfiguration:
    """A version that is switched off."""
    given = {"region": "custom", "partner_name": "acme", "client_id": "acme-client", "client_secret": SECRET}
    given |= {"api_url": arriving.url, "token_url": arriving.token_url, "learners": "all", "site_id": 1, **values}
    return PercipioConfiguration.objects.create(**{"enabled": False, **given})


def test_what_is_not_confirmed_or_was_not_shown_is_not_switched_on(unset: Sandbox, everything: Client) -> None:
    stored(unset)
    shown = act(everything, "switch").context["version"]
    stored(unset, learners="sso:tpa-saml")

    assert act(everything, "switch", confirmed=shown).status_code == 200
    assert config.for_site(1) is None
    assert act(everything, "switch").context["is_tested"] is False
    PercipioConfiguration.objects.all().delete()
    assert act(everything, "switch", confirmed=shown).status_code == 302
    assert PercipioConfiguration.objects.count() == 0


def an_account(arriving: Sandbox, name: str = "birch", **values: Any) -> Account:
    """A version of an account that is switched on."""
    given = {"region": "custom", "partner_name": name, "client_id": "acme-client", "client_secret": SECRET}
    given |= {"api_url": arriving.url, "token_url": arriving.token_url, "learners": "all", "enabled": True, **values}
    return Account.objects.create(site=Site.objects.get(pk=1), name=name, **given)


def an_account_saved(arriving: Sandbox, settings: Any) -> None:
    an_account(arriving, learners="all")


def a_setting_changed(arriving: Sandbox, settings: Any) -> None:
    settings.PERCIPIO_SEND_NAMES = False


@pytest.mark.parametrize("change", [an_account_saved, a_setting_changed])
def test_what_means_something_else_since_it_was_shown_is_shown_again(
    unset: Sandbox, everything: Client, settings: Any, change: Callable[[Sandbox, Any], None]
) -> None:
    stored(unset)
    an_account(unset, learners="sso:tpa-saml")
    shown = act(everything, "switch").context["version"]
    change(unset, settings)

    again = act(everything, "switch", confirmed=shown)
    assert (again.status_code, config.for_site(1)) == (200, None)
    act(everything, "switch", confirmed=again.context["version"])
    assert config.for_site(1) is not None


def test_what_is_saved_at_the_same_moment_stays(
    unset: Sandbox, everything: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(unset)
    shown = act(everything, "switch").context["version"]
    real = setup_pages.hash_of

    def saved_meanwhile(*rows: Any) -> str:
        stored(unset, learners="sso:tpa-saml")
        return real(*rows)

    monkeypatch.setattr(setup_pages, "hash_of", saved_meanwhile)
    act(everything, "switch", confirmed=shown)
    assert config.for_site(1) is None
    assert [row.learners for row in PercipioConfiguration.objects.order_by("pk")] == ["all", "sso:tpa-saml"]


def test_no_transaction_is_open_while_percipio_is_asked(
    unset: Sandbox, everything: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The LMS has ``ATOMIC_REQUESTS``."""
    stored(unset)
    open_then: list[bool] = []
    real = connection_check.examine
    monkeypatch.setattr(
        connection_check, "examine", lambda one: open_then.append(connection.in_atomic_block) or real(one)
    )
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    act(everything, "test")
    everything.post(reverse("admin:percipio_openedx_setup"), {"act": "test"})
    everything.post(reverse("admin:percipio_openedx_test_connection", args=[1]))
    an_account(unset)
    everything.post(reverse("admin:percipio_openedx_test_account", args=[1, "birch"]))
    assert open_then == [False] * 4


def test_another_sites_post_is_refused(unset: Sandbox, everything: Client) -> None:
    stored(unset)
    client = Client(enforce_csrf_checks=True)
    client.cookies = everything.cookies
    for name in ("test", "preview", "switch"):
        assert act(client, name).status_code == 403


def test_a_preview_is_of_each_account_as_it_is(unset: Sandbox, everything: Client) -> None:
    stored(unset)
    an_account(unset)
    assert states_of(act(everything, "preview"))["preview"] == "done"
    an_account(unset, learner_id="username")
    assert states(everything)["preview"] != "done"


def test_switching_on_keeps_the_secret_and_the_history(unset: Sandbox, everything: Client) -> None:
    earlier = stored(unset)
    act(everything, "switch", confirmed=act(everything, "switch").context["version"])

    newest = PercipioConfiguration.objects.order_by("-pk")[0]
    assert (newest.pk > earlier.pk, newest.enabled, newest.changed_by.username) == (True, True, "root")
    assert newest.client_secret.reveal() == SECRET
    assert PercipioConfiguration.objects.get(pk=earlier.pk).enabled is False
    assert str(newest.pk) in LogEntry.objects.values_list("object_id", flat=True)
    assert SECRET not in everything.get(url()).content.decode()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"milestones": "nothing"}, "PERCIPIO_MILESTONES"),
        ({"learners": ""}, "PERCIPIO_LEARNERS"),
        ({"partner_name": "", "client_id": ""}, "There are no credentials yet."),
    ],
)
def test_a_mistake_is_not_switched_on(unset: Sandbox, everything: Client, values: dict[str, str], words: str) -> None:
    row = stored(unset, **values)
    if not row.client_id:
        PercipioConfiguration.objects.update(client_secret=b"")
    act(everything, "switch", confirmed=str(row.pk))

    assert PercipioConfiguration.objects.filter(enabled=True).count() == 0
    assert words in everything.get(url()).content.decode()


def test_a_secret_that_everybody_could_decrypt_is_not_switched_on(
    unset: Sandbox, everything: Client, settings: Any
) -> None:
    row = stored(unset)
    settings.PERCIPIO_ENCRYPTION_KEYS = ["dummy", *settings.PERCIPIO_ENCRYPTION_KEYS]
    act(everything, "switch", confirmed=str(row.pk))

    assert PercipioConfiguration.objects.filter(enabled=True).count() == 0


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("test", "test_percipioconfiguration"),
        ("preview", "preview_statement"),
        ("switch", "add_percipioconfiguration"),
    ],
)
def test_each_step_takes_its_permission(
    unset: Sandbox, operator: Callable[..., Client], name: str, permission: str
) -> None:
    stored(unset)
    may, may_not = operator(MAY_SEE, permission, name="may"), operator(MAY_SEE, name="maynot")

    assert act(may_not, name).status_code == 403
    assert f'value="{name}"' not in may_not.get(url()).content.decode()
    assert act(operator(permission, name="blind"), name).status_code == 403
    assert f'value="{name}"' in may.get(url()).content.decode()
    assert act(may, name).status_code == 200


def test_no_visit_changes_asks_or_logs_anything(unset: Sandbox, everything: Client) -> None:
    stored(unset)
    before = (PercipioConfiguration.objects.count(), Statement.objects.count(), Notice.objects.count())
    for address in (url(), f"{url()}?act=switch&confirmed=1", f"{url()}?act=test", f"{url()}?act=preview"):
        everything.get(address)

    assert (PercipioConfiguration.objects.count(), Statement.objects.count(), Notice.objects.count()) == before
    assert LogEntry.objects.count() == 0
    assert unset.requests == []


def test_a_site_of_the_settings_is_listed_and_can_be_tested(arriving: Sandbox, everything: Client) -> None:
    enrolled(a_learner(), a_course())
    other = a_site("other.example", "OtherX")
    listed = everything.get(reverse("admin:percipio_openedx_setup"))
    assert listed.context["rows"][0][0].site_id == 1
    assert [site.name for site, _headline in listed.context["rows"]][1:] == ["other.example"]
    assert url(other.pk) in listed.content.decode()

    page = everything.get(url()).content.decode()
    assert "the settings (PERCIPIO_…)" in page
    assert states(everything) == dict.fromkeys(ALL, "done") | {"test": "now", "preview": "later", "arrival": "later"}
    assert states_of(act(everything, "test"))["test"] == "done"
    assert everything.get(f"{reverse(ADD)}?setup=1").context["adminform"].form.initial["enabled"] is True


def test_a_site_that_was_deleted_is_not_offered(arriving: Sandbox, everything: Client) -> None:
    StatementLedger.objects.create(pk=77, last_stored_at=timezone.now())
    a_site("other.example", "OtherX")
    for address in (reverse("admin:percipio_openedx_setup"), reverse("admin:percipio_openedx_overview")):
        page = everything.get(address).content.decode()
        assert url(1) in page
        assert url(77) not in page


def test_a_version_that_nobody_can_have_saved_is_none(everything: Client) -> None:
    assert everything.get(reverse(ADD), {"source": "9" * 5000}).status_code == 200
    number = reverse("admin:percipio_openedx_backfillrun_change", args=["9" * 5000])
    assert everything.get(number).status_code == 302


def test_a_single_site_is_shown_at_once(arriving: Sandbox, everything: Client) -> None:
    page = everything.get(reverse("admin:percipio_openedx_setup"))

    assert (page.context["site"].pk, len(states_of(page))) == (1, len(ALL))
    assert states_of(everything.post(reverse("admin:percipio_openedx_setup"), {"act": "test"}))["test"] == "done"


def test_what_is_wrong_is_said_at_its_step_with_the_fix(arriving: Sandbox, everything: Client, settings: Any) -> None:
    arriving.set_scenario("token-refused")
    refused = act(everything, "test")
    assert states_of(refused)["test"] == "problem"
    assert "The client id or the client secret is wrong" in refused.content.decode()

    # Other credentials have not been tested.
    settings.PERCIPIO_CLIENT_SECRET = "canary-of-another"
    assert states(everything)["test"] == "now"
    settings.PERCIPIO_MILESTONES = "nothing"
    assert states(everything)["scope"] == "problem"
    settings.PERCIPIO_MILESTONES = "all"
    settings.PERCIPIO_CLIENT_SECRET = ""
    assert states(everything)["credentials"] == "problem"
    settings.PERCIPIO_ENABLED = False
    assert "PERCIPIO_ENABLED is False" in everything.get(url()).content.decode()


def test_what_broke_after_the_first_one_arrived_is_a_problem(
    arriving: Sandbox, everything: Client, settings: Any
) -> None:
    enrolled(a_learner(), a_course())
    run_once()
    assert states(everything)["test"] == "done"
    settings.PERCIPIO_CLIENT_SECRET = "canary-of-another"
    arriving.set_scenario("token-refused")
    assert states_of(act(everything, "test"))["test"] == "problem"
    arriving.set_scenario("ok")
    assert states_of(act(everything, "test"))["test"] == "done"


def test_nobody_in_scope_is_a_problem(unset: Sandbox, everything: Client) -> None:
    stored(unset, learners="sso:tpa-saml")

    assert states(everything)["scope"] == "problem"
    assert "There is no learner yet" in act(everything, "preview").content.decode()


def test_the_accounts_of_a_site_are_tested_one_by_one(unset: Sandbox, everything: Client) -> None:
    for name in ("birch", "cedar"):
        an_account(unset, name)

    assert states(everything)["credentials"] == "done"
    assert states_of(act(everything, "test", account="birch"))["test"] == "now"
    assert states_of(act(everything, "test", account="cedar"))["test"] == "done"
    assert act(everything, "test", account="nobody").status_code == 200
    assert {
        request.path.split("/partners/")[1].split("/")[0] for request in unset.requests if "/partners/" in request.path
    } == {
        "birch",
        "cedar",
    }
    assert "initialized" in act(everything, "preview").content.decode()


def test_overview_and_index_lead_to_it_until_something_has_arrived(arriving: Sandbox, everything: Client) -> None:
    index, overview = reverse("admin:app_list", args=["percipio_openedx"]), reverse("admin:percipio_openedx_overview")
    assert reverse("admin:percipio_openedx_setup") in everything.get(index).content.decode()
    assert url() in everything.get(overview).content.decode()

    enrolled(a_learner(), a_course())
    run_once()
    assert len(arriving.statements) == 1
    assert url() not in everything.get(overview).content.decode()
