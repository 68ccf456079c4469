"""A learner whom Percipio does not know is refused once, then held back until the name changes or an operator asks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.sender import THREADS
from percipio_openedx.models import Destination, LearnerCourse, Notice, PullClient, Statement, UnknownLearner
from percipio_openedx.models.learner_course import EVERY_COURSE
from percipio_openedx.models.statement import State
from percipio_openedx.operations.requeue import requeue
from percipio_openedx.operations.run import run_once
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.preview import preview
from percipio_openedx.reporting.retirement import erase
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.test_reporting import grade, notice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

OTHER = "course-v1:DemoX+CS102+2026"
THIRD = "course-v1:DemoX+CS103+2026"
AMINA = "amina@example.com"


@pytest.fixture(params=["statements", "track", "track-404"])
def sandbox(request: pytest.FixtureRequest, reporting: Any) -> Iterator[Sandbox]:
    """A Percipio that knows Bob and does not know Amina, by either API."""
    api, _, status = request.param.partition("-")
    name = f"unknown-users-{status}" if status else "unknown-users"
    tokens._memory.clear()
    with Sandbox(scenario=f"{name}={AMINA}") as sandbox:
        reporting.PERCIPIO_API_URL, reporting.PERCIPIO_TOKEN_URL = sandbox.url, sandbox.token_url
        reporting.PERCIPIO_API = api
        yield sandbox
    tokens._memory.clear()


def work(passes: int = 3) -> None:
    for _ in range(passes):
        Destination.objects.update(retry_at=None)
        Statement.objects.filter(state__in=("waiting", "outdated")).update(due_at=timezone.now())
        run_once(budget=10)


def states(learner: Any) -> list[tuple[str, str]]:
    rows = Statement.objects.filter(learner_course__user_id=learner.pk).order_by("learner_course", "sequence")
    return list(rows.values_list("kind", "state"))


def holds(learner: Any) -> dict[str, str]:
    return dict(LearnerCourse.objects.filter(user_id=learner.pk).values_list("course_key", "hold_reason"))


def sent(sandbox: Sandbox, email: str) -> list[str]:
    """What of a learner has arrived, in order."""
    found = [body["verb"]["id"].rpartition("/")[2] for body in sandbox.statements if body["actor"]["mbox"][7:] == email]
    return found + [record["status"] for record in sandbox.track if record["user"] == email]


def requests(sandbox: Sandbox) -> int:
    return len([one for one in sandbox.requests if one.method == "POST" and "token" not in one.path])


@pytest.fixture
def both(sandbox: Sandbox) -> tuple[Any, Any, Any]:
    """Amina was refused; Bob, whom Percipio knows, was reported."""
    course = a_course(units=2)
    amina, bob = a_learner("amina"), a_learner("bob", name="Bob Boe")
    enrolled(bob, course)
    enrolled(amina, course)
    work()
    assert states(bob) == [("started", "delivered")]
    assert states(amina) == [("started", "parked")]
    return course, amina, bob


def test_refused_once_and_held_back(sandbox: Sandbox, both: Any) -> None:
    course, amina, bob = both
    row = UnknownLearner.objects.get()
    statement = Statement.objects.get(learner_course__user_id=amina.pk)
    assert (row.destination, row.user_id, row.actor_key) == (statement.destination, amina.pk, statement.actor_key)
    assert row.since == row.last_refused_at == statement.settled_at
    assert "not found" in statement.answer and "amina" not in statement.answer

    before = requests(sandbox)
    grade(amina, course)
    work()
    assert states(amina) == [("started", "parked")]
    assert holds(amina) == {KEY: "unknown_to_percipio"}
    assert LearnerCourse.objects.get(user_id=amina.pk).reported_completed is False
    assert requests(sandbox) == before
    assert preview(amina.pk, KEY).hold == "unknown_to_percipio"
    grade(bob, course)
    work()
    assert {state for _kind, state in states(bob)} <= {"delivered", "skipped"}
    assert "completed" in sent(sandbox, "bob@example.com")


def test_another_course_is_held_back_too(sandbox: Sandbox, both: Any) -> None:
    _course, amina, _bob = both
    before = requests(sandbox)
    enrolled(amina, a_course(OTHER, units=2))
    work()
    assert holds(amina)[OTHER] == "unknown_to_percipio"
    assert (states(amina), requests(sandbox)) == ([("started", "parked")], before)


def test_the_name_changes(sandbox: Sandbox, both: Any) -> None:
    """What was refused leaves under its id and the new name, with what was held back in every course."""
    course, amina, _bob = both
    other = a_course(OTHER, units=2)
    enrolled(amina, other)
    grade(amina, course)
    work()
    before = dict(Statement.objects.filter(learner_course__user_id=amina.pk).values_list("uuid", "kind"))
    amina.email = "amina.haddad@example.com"
    amina.save()
    notice(amina, course)
    work(5)

    assert not UnknownLearner.objects.exists()
    assert holds(amina) == {KEY: "", OTHER: ""}
    assert {state for _kind, state in states(amina)} <= {"delivered", "skipped"}
    assert before.items() <= dict(Statement.objects.values_list("uuid", "kind")).items()
    arrived = sent(sandbox, "amina.haddad@example.com")
    if sandbox.statements:
        assert sorted(arrived) == ["completed", "initialized", "initialized", "passed"]
        (first,) = (one for one in sandbox.statements if one["id"] in map(str, before))
        assert first["actor"] == {
            "objectType": "Agent",
            "mbox": "mailto:amina.haddad@example.com",
            "name": "Amina Haddad",
        }
        row = Statement.objects.get(uuid=first["id"])
        assert json.loads(bytes(row.body)) == first
    else:
        assert sorted(arrived) == ["completed", "started", "started"]
    assert not sent(sandbox, AMINA)


def test_the_same_address_in_other_letters_is_the_same_name(sandbox: Sandbox, both: Any) -> None:
    course, amina, _bob = both
    before = requests(sandbox)
    amina.email = "Amina@example.com"
    amina.save()
    grade(amina, course)
    work()
    assert (holds(amina), requests(sandbox)) == ({KEY: "unknown_to_percipio"}, before)


def test_an_operator_tries_again(sandbox: Sandbox, both: Any) -> None:
    course, amina, _bob = both
    enrolled(amina, a_course(OTHER, units=2))
    grade(amina, course)
    work()
    # Still unknown: refused once more, and held back again.
    before = requests(sandbox)
    call_command("percipio_retry", "--unknown")
    assert not UnknownLearner.objects.exists()
    work()
    row = UnknownLearner.objects.get()
    assert row.user_id == amina.pk
    assert 1 <= requests(sandbox) - before <= 4

    sandbox.set_scenario("ok")
    call_command("percipio_retry", "--unknown")
    work(5)
    assert not UnknownLearner.objects.exists()
    assert holds(amina) == {KEY: "", OTHER: ""}
    assert {state for _kind, state in states(amina)} <= {"delivered", "skipped"}
    assert len(sent(sandbox, AMINA)) == (4 if sandbox.statements else 3)
    ids = [one["id"] for one in sandbox.statements]
    assert len(ids) == len(set(ids))


def test_to_requeue_a_statement_is_to_try_again(sandbox: Sandbox, both: Any) -> None:
    _course, amina, _bob = both
    sandbox.set_scenario("ok")
    requeue(Statement.objects.filter(state=State.PARKED), lambda: False)
    work()
    assert states(amina) == [("started", "delivered")]
    assert not UnknownLearner.objects.exists()


@pytest.mark.thinned(2)
def test_what_waits_is_not_sent_into_the_same_refusal(sandbox: Sandbox) -> None:
    """Twelve courses wait when Percipio refuses the learner for the first time."""
    scenario = sandbox.state["scenario"]
    sandbox.set_scenario("token-refused")
    amina, bob = a_learner("amina"), a_learner("bob")
    keys = [f"course-v1:DemoX+C{number}+R" for number in range(12)]
    for key in keys:
        course = a_course(key, units=2)
        enrolled(amina, course)
        enrolled(bob, course)
    work(1)
    assert {state for _kind, state in states(amina)} == {"waiting"}
    sandbox.set_scenario(scenario)
    work(2)
    refused = Statement.objects.filter(state=State.PARKED).count()
    waiting = Statement.objects.filter(state=State.OUTDATED)
    assert {state for _kind, state in states(bob)} == {"delivered"}
    assert refused + waiting.count() == 12
    # What is in flight when the first refusal comes is not recalled: one batch, or a record in each thread.
    assert refused <= THREADS
    assert set(waiting.values_list("answer", flat=True)) <= {"cannot be rebuilt yet: unknown_to_percipio"}

    sandbox.set_scenario("ok")
    call_command("percipio_retry", "--unknown")
    work(3)
    assert {state for _kind, state in states(amina)} == {"delivered"}
    assert len(sent(sandbox, AMINA)) == 12


def test_accepted_later_is_no_longer_unknown(sandbox: Sandbox, both: Any) -> None:
    """For instance what was in doubt and left again by itself."""
    course, amina, _bob = both
    grade(amina, course)
    work()
    sandbox.set_scenario("ok")
    Statement.objects.filter(state=State.PARKED).queue(timezone.now())
    work(4)
    assert not UnknownLearner.objects.exists()
    assert holds(amina) == {KEY: ""}
    assert {state for _kind, state in states(amina)} <= {"delivered", "skipped"}
    assert not Notice.objects.filter(course_key=EVERY_COURSE).exists()


def test_where_everybody_is_refused_nobody_is_unknown(sandbox: Sandbox) -> None:
    """A wrong organization, for which Percipio knows no user: the destination pauses, and no learner is blamed."""
    names = [f"learner{number}" for number in range(6)]
    name = sandbox.state["scenario"].partition("=")[0]
    sandbox.set_scenario(f"{name}={'|'.join(f'{one}@example.com' for one in names)}")
    course = a_course(units=2)
    for one in names:
        enrolled(a_learner(one), course)
    work(4)
    assert not UnknownLearner.objects.exists()
    assert Destination.objects.get().paused_reason == "refused"
    assert not Statement.objects.filter(state=State.PARKED).exists()

    sandbox.set_scenario("ok")
    work(3)
    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_one_learner_in_many_courses_is_not_everybody(sandbox: Sandbox) -> None:
    """Alone in the queue, in five courses: the destination does not pause for it."""
    amina = a_learner("amina")
    for number in range(5):
        enrolled(amina, a_course(f"course-v1:DemoX+C{number}+R", units=2))
    work(2)
    assert (Destination.objects.get().paused_reason, UnknownLearner.objects.get().user_id) == ("", amina.pk)


@pytest.mark.parametrize("sandbox", ["statements"], indirect=True)
def test_what_anybody_may_have_is_not_built_anew(sandbox: Sandbox, both: Any) -> None:
    """Of a site with a pull client the bytes stay: parked until an operator sends them as they are."""
    course, amina, _bob = both
    PullClient.objects.create(site_id=1, client_id="c", enabled=True)
    body = bytes(Statement.objects.get(learner_course__user_id=amina.pk).body)
    amina.email = "amina.haddad@example.com"
    amina.save()
    grade(amina, course)
    work(4)
    assert states(amina) == [("started", "parked"), ("passed", "delivered"), ("completed", "delivered")]
    assert not UnknownLearner.objects.exists()

    sandbox.set_scenario("ok")
    requeue(Statement.objects.filter(state=State.PARKED), lambda: False)
    work()
    assert states(amina)[0] == ("started", "delivered")
    assert bytes(Statement.objects.get(learner_course__user_id=amina.pk, kind="started").body) == body


@pytest.mark.parametrize("sandbox", ["statements"], indirect=True)
def test_what_waits_at_a_site_with_a_pull_client_waits_too(sandbox: Sandbox, reporting: Any) -> None:
    PullClient.objects.create(site_id=1, client_id="c", enabled=True)
    amina, bob = a_learner("amina"), a_learner("bob")
    for key in (KEY, OTHER):
        course = a_course(key, units=2)
        enrolled(amina, course)
        enrolled(bob, course)
    report_due()
    later = Statement.objects.filter(learner_course__user_id=amina.pk, course_key=OTHER)
    later.update(due_at=timezone.now() + timedelta(hours=1))
    body = bytes(later.get().body)
    run_once(budget=10)
    assert UnknownLearner.objects.get().user_id == amina.pk
    assert later.get().state == State.OUTDATED

    before = requests(sandbox)
    work()
    row = later.get()
    assert (row.state, row.answer) == (State.OUTDATED, "cannot be rebuilt yet: unknown_to_percipio")
    assert requests(sandbox) == before
    sandbox.set_scenario("ok")
    call_command("percipio_retry", "--unknown")
    work()
    assert states(amina) == [("started", "delivered"), ("started", "delivered")]
    assert bytes(later.get().body) == body


@pytest.mark.parametrize("sandbox", ["statements"], indirect=True)
def test_the_words_are_a_setting(sandbox: Sandbox, settings: Any) -> None:
    settings.PERCIPIO_UNKNOWN_LEARNER_WORDS = ["nobody of that name"]
    course, amina = a_course(units=2), a_learner("amina")
    enrolled(a_learner("bob"), course)
    enrolled(amina, course)
    grade(amina, course)
    work()
    assert not UnknownLearner.objects.exists()
    assert {state for _kind, state in states(amina)} == {"parked"}


@pytest.mark.usefixtures("sandbox")
def test_who_retires_leaves_no_row(both: Any) -> None:
    _course, amina, _bob = both
    erase(amina.pk)
    assert not UnknownLearner.objects.exists()
