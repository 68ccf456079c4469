"""Accounts, where they meet the other rules: the same content again, retractions, a change of site, a broken rule."""

from __future__ import annotations

from typing import Any

import pytest

from percipio_openedx import config
from percipio_openedx.models import Account, LearnerCourse, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import reach, requeue
from percipio_openedx.reporting import report_due
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_site, enrolled
from tests.integration.test_accounts import (
    accounts,
    arrived,
    hold,
    link,
    of_acme,
    of_beta,
    percipio,
    reasons,
    save,
    site,
    works,
)
from tests.integration.test_reporting import grade, notice

__all__ = ["accounts", "percipio", "site"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

NEXT = "course-v1:DemoX+CS101+2027"
WHOLE = ["initialized", "passed", "completed"]


def passes(learner: Any, key: str = KEY) -> Any:
    """The learner enrolls in a course run and passes it."""
    course = a_course(key, units=2)
    enrolled(learner, course)
    grade(learner, course)
    works()
    return course


def verbs(accounts: Sandbox, partner: str) -> list[str]:
    return [verb for where, _name, verb in arrived(accounts) if where == partner]


# --- the same content again -------------------------------------------------------------------------------------------


def test_what_an_account_was_told_counts_for_nothing_once_there_are_none(accounts: Sandbox) -> None:
    amina = of_acme()
    passes(amina)
    assert verbs(accounts, "acme") == WHOLE
    Account.objects.all().delete()
    # Looked at again, the first run is nobody's account's.
    notice(amina, KEY)
    works()
    assert LearnerCourse.objects.get().account == ""
    passes(amina, NEXT)

    assert verbs(accounts, "site") == WHOLE


def test_an_account_of_the_same_name_at_another_site_is_another_account(accounts: Sandbox, site: Any) -> None:
    """A course run moved to another site, whose account of this name is another customer."""
    amina = of_acme()
    passes(amina)
    campus = a_site("campus.demo.local", "DemoX")
    Account.objects.create(
        site=campus,
        name="acme",
        enabled=True,
        learners="all",
        partner_name="site",
        client_id="site-id",
        client_secret="site-secret",
        region="custom",
        api_url=accounts.url,
        token_url=accounts.token_url,
    )
    notice(amina, KEY)
    works()
    assert LearnerCourse.objects.get().site_id == campus.pk
    passes(amina, NEXT)

    assert verbs(accounts, "site") == WHOLE


# --- retractions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_back", [True, False])
def test_what_was_taken_back_meanwhile_is_not_told_late(accounts: Sandbox, site: Any, is_back: bool) -> None:
    """The completion waits for the former account; the new one is not told that it was taken back."""
    site.PERCIPIO_UNDONE = "retract"
    course, amina = a_course(units=2), of_acme()
    enrolled(amina, course)
    works()
    save(accounts, "acme", enabled=False)
    grade(amina, course)
    save(accounts, "acme", enabled=True)
    report_due()
    assert list(Statement.objects.filter(state=State.WAITING).values_list("kind", flat=True)) == ["passed", "completed"]
    link(amina, "beta", id="b-amina")
    grade(amina, course, 0.2, passing=False)
    works()
    if is_back:
        link(amina, "idp", org="acme-1")
        notice(amina, course)
    else:
        assert requeue.move(Statement.objects.filter(learner_course__user_id=amina.pk)) == 2
    works()

    assert arrived(accounts) == [("acme", "amina@example.com", "initialized")]
    assert reasons() == {"cannot be rebuilt yet: it was taken back meanwhile: discard it"}
    assert hold(amina) == ""


# --- a mistake in the middle of the order -----------------------------------------------------------------------------


def test_a_broken_rule_in_the_middle_stops_whoever_comes_after_it(
    accounts: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """What is wrong with an account is said once, by the doctor, not in a line for each learner that a page counts."""
    Account.objects.filter(name="acme").update(position=0)
    save(accounts, "middle", position=1, learners="sso:org=")
    course = a_course(units=2)
    for learner in (of_acme(), of_beta(), of_beta("bela")):
        enrolled(learner, course)
    configuration = config.for_site(1)
    assert configuration is not None
    caplog.set_level("DEBUG", "percipio_openedx")
    caplog.clear()
    found = reach.count(configuration)
    assert (found.accounts, found.others) == ({"acme": 1}, {"unsayable": 2})
    assert not caplog.records
    works()
    assert arrived(accounts) == [("acme", "amina@example.com", "initialized")]
    save(accounts, "middle", learners="sso:org=other")
    works()
    assert sorted(arrived(accounts)) == [
        ("acme", "amina@example.com", "initialized"),
        ("beta", "b-bela", "initialized"),
        ("beta", "b-bob", "initialized"),
    ]
