"""The commands, the doctor, the comparison and the metrics name each account by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from percipio_openedx.models import Account, Destination, LearnerCourse, PercipioConfiguration, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import doctor, metrics, status
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, enrolled
from tests.integration.test_accounts import accounts, arrived, link, of_acme, of_beta, percipio, save, site, works
from tests.integration.test_reporting import grade, notice

__all__ = ["accounts", "percipio", "site"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

Manage = Callable[..., Any]


@pytest.fixture
def told(accounts: Sandbox) -> Sandbox:
    """Each account has been told of its own learner."""
    course = a_course(units=2)
    for user in (of_acme(), of_beta()):
        enrolled(user, course)
    works()
    # Delivered long enough ago to be missed.
    Statement.objects.update(settled_at=timezone.now() - timezone.timedelta(hours=1))
    return accounts


def test_each_account_is_compared_with_its_own_partner(told: Sandbox, manage: Manage) -> None:
    ran = manage("percipio_reconcile", "--json")
    sums = {(one["account"], one["read"], one["checked"], one["well"]) for one in ran.documents}
    assert (ran.code, sums) == (0, {("acme", 1, 1, True), ("beta", 1, 1, True)})
    assert [one["account"] for one in manage("percipio_reconcile", "--json", "--account", "beta").documents] == ["beta"]
    assert manage("percipio_reconcile", "--account", "gamma").code == 2


def test_what_is_missing_at_one_account_is_not_asked_of_another(told: Sandbox, manage: Manage) -> None:
    lost = Statement.objects.get(destination__account="acme")
    store = told.application.percipio.statements
    store.ledger.entries[:] = [entry for entry in store.ledger.entries if entry.partner != "acme"]
    store._by_id.pop(("acme", str(lost.uuid)))
    found = manage("percipio_reconcile", "--json", "--fix").documents
    assert [(one["account"], one["uuid"]) for one in found if "uuid" in one] == [("acme", str(lost.uuid))]
    works()
    assert [partner for partner, *_ in arrived(told)] == ["beta", "acme"]


def test_the_list_of_accounts(accounts: Sandbox, manage: Manage) -> None:
    save(accounts, "beta", enabled=False)
    ran = manage("percipio_accounts", "--json")
    common = {"site": 1, "site_name": "example.com", "mistake": "", "waiting": 0}
    assert (ran.code, ran.documents) == (
        0,
        [
            {**common, "account": "acme", "learners": "sso:org=ACME-1", "enabled": True},
            {**common, "account": "beta", "learners": "sso:beta", "enabled": False},
        ],
    )
    save(accounts, "acme", partner_name="a/b")
    ran = manage("percipio_accounts")
    assert ran.code == 1
    assert ran.lines[0].startswith("example.com, account acme: sso:org=ACME-1; partner_name (acme): is no id")
    assert ran.lines[1] == "example.com, account beta: sso:beta; switched off; 0 statements wait"


@pytest.mark.parametrize("bound", [["--learner", "amina"], ["--course", KEY], ["--account", "acme"], ["--account", ""]])
def test_what_belongs_to_reporting_anew_is_not_ignored_without_it(
    accounts: Sandbox, manage: Manage, bound: list[str]
) -> None:
    ran = manage("percipio_accounts", *bound)
    assert (ran.code, ran.out) == (2, "")
    assert "--report-anew" in ran.err


def test_a_course_run_that_is_not_there_is_no_bound(accounts: Sandbox, manage: Manage) -> None:
    ran = manage("percipio_accounts", "--report-anew", "--course", "course-v1:No+Such+Run")
    assert (ran.code, ran.err) == (2, "there is no course run course-v1:No+Such+Run")


def test_statements_are_moved_and_learners_reported_again(accounts: Sandbox, manage: Manage) -> None:
    course, amina, bob = a_course(units=2), of_acme(), of_acme("berta")
    enrolled(amina, course)
    works()
    enrolled(bob, course)
    works(0)
    from percipio_openedx.reporting import report_due

    report_due()
    for user in (amina, bob):
        link(user, "beta", id=f"b-{user.username}")
        notice(user, course)
    works()
    assert [(partner, name) for partner, name, _ in arrived(accounts)] == [("acme", "amina@example.com")]

    assert manage("percipio_retry", "--move", "--account", "beta", "--json").documents[0]["chosen"] == 0
    assert manage("percipio_retry", "--move", "--json").documents[0] == {
        **{"chosen": 1, "queued": 1},
        **{"destinations": 0, "observations": 0, "learners": 0, "dry_run": False},
    }
    ran = manage("percipio_accounts", "--report-anew", "--learner", "amina", "--json")
    assert (ran.code, ran.documents) == (0, [{"reported_again": 1, "refused": {}}])
    works()
    assert sorted(arrived(accounts))[1:] == [("beta", "b-amina", "initialized"), ("beta", "b-berta", "initialized")]
    ran = manage("percipio_accounts", "--report-anew", "--course", KEY, "--account", "beta")
    assert (ran.code, ran.lines[0]) == (1, "0 learners in courses are reported again.")
    assert ran.lines[1:] == [
        "2 learners in courses are not: the learner's account has been told something already, or may have been."
    ]
    assert manage("percipio_accounts", "--report-anew").code == 2


def test_the_doctor_and_the_metrics_name_each_account(told: Sandbox) -> None:
    save(told, "off", enabled=False, learners="sso:off")
    Account.objects.filter(name="acme").update(partner_name="a/b")
    found = list(doctor.health(status.take(timezone.now())))
    seen = [one.seen for one in found if one.name == "configuration of example.com"]
    assert any("account acme" in text and "partner_name (acme)" in text for text in seen)
    names = {one.name: one.verdict for one in doctor.connections(status.take(timezone.now()), is_online=True)}
    assert [name for name in names if name.startswith("example.com, account beta: ")]
    assert not [name for name in names if "acme" in name]
    secrets = [one.name for one in doctor.client_secrets()]
    assert secrets == [f"client secret of example.com, account {name}" for name in ("acme", "beta", "off")]
    gauges = {one.name: one for one in metrics.gauges()}
    assert ("1", "beta", "beta-org") in gauges["destination_last_success_timestamp_seconds"].values


def test_every_account_that_is_right_is_said_to_be(accounts: Sandbox) -> None:
    save(accounts, "off", enabled=False, learners="sso:off")
    seen = [
        one.seen for one in doctor.health(status.take(timezone.now())) if one.name == "configuration of example.com"
    ]
    assert seen == [
        "account acme, learners sso:org=ACME-1: Statements API (xAPI), partner acme, organization -",
        "account beta, learners sso:beta: Statements API (xAPI), partner beta, organization beta-org",
        "account off is switched off: its learners are not reported",
    ]


def test_a_site_with_accounts_alone_is_known(percipio: Sandbox, settings: Any, manage: Manage) -> None:
    """Without any settings and without a row of the site's own."""
    settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_CLIENT_SECRET = ""
    settings.PERCIPIO_OBSERVE_AFTER = 0
    save(percipio, "acme", learners="all")
    enrolled(of_acme(), a_course(units=2))
    works()
    assert [partner for partner, *_ in arrived(percipio)] == ["acme"]
    assert not PercipioConfiguration.objects.exists()
    assert LearnerCourse.objects.get().account == "acme"


def test_a_parked_statement_of_a_moved_learner_moves_when_asked(accounts: Sandbox, manage: Manage) -> None:
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    works()
    Statement.objects.update(state=State.PARKED, status=400)
    link(amina, "beta", id="b-amina")
    grade(amina, course)
    works()
    # Sent again it goes nowhere else; moved it does.
    manage("percipio_retry", "--parked")
    works()
    assert Statement.objects.get(kind="started").state == State.OUTDATED
    manage("percipio_retry", "--move")
    works()
    assert [one for one in arrived(accounts) if one[2] == "initialized"] == [
        ("acme", "amina@example.com", "initialized"),
        ("beta", "b-amina", "initialized"),
    ]
    assert Destination.objects.filter(account="beta").count() == 1
