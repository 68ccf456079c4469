"""What other plugins may call and receive, and the filter on the way of a real learner."""

from __future__ import annotations

import inspect
import json
import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from opaque_keys import InvalidKeyError
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx_filters import PipelineStep

from percipio_openedx import api
from percipio_openedx.api import StatementFreezeRequested, is_reported, learner_course_state, observe_soon
from percipio_openedx.capture import notices
from percipio_openedx.delivery import breaker
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.enums import HoldReason, Kind, Pause
from percipio_openedx.management.operator import course_run
from percipio_openedx.models import CourseOverride, Destination, LearnerCourse, Notice, ObservationFailure, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import labels
from percipio_openedx.operations.sweep import sweep_due
from percipio_openedx.reporting import rebuild_due, report_due
from percipio_openedx.reporting.preview import preview
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.operations.conftest import command
from tests.integration.operations.test_sweep import a_day_later
from tests.integration.test_reporting import complete, grade, hold, reported

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
COST_CENTER = "https://example.com/cost-center"
CANARY = "zebulon@private.example"


@pytest.fixture
def course() -> Any:
    return a_course(units=4)


@pytest.fixture
def learner(course: Any) -> Any:
    """Who has just enrolled."""
    made = a_learner()
    enrolled(made, course)
    return made


# --- is this learner reported ----------------------------------------------------------------------------------------


def test_who_is_reported(course: Any, learner: Any) -> None:
    with CaptureQueriesContext(connection) as queries:
        answer = is_reported(learner, course)
    assert (bool(answer), answer.reason) == (True, None)
    assert len([one for one in queries if one["sql"].startswith("SELECT")]) <= 15
    assert is_reported(learner, KEY) == answer
    assert not LearnerCourse.objects.exists()


def test_why_somebody_is_not_reported(course: Any, learner: Any, settings: Any) -> None:
    def why(who: Any = learner, key: Any = course) -> Any:
        answer = is_reported(who, key)
        assert bool(answer) is (answer.reason is None)
        return answer.reason

    assert why(a_learner("other")) is HoldReason.NOT_ENROLLED
    assert why(AnonymousUser()) is HoldReason.UNKNOWN_LEARNER
    assert why(key="course-v1:DemoX+CS102+2026") is HoldReason.UNKNOWN_COURSE
    settings.PERCIPIO_MODES = ["verified"]
    assert why() is HoldReason.MODE_LEFT_OUT
    settings.PERCIPIO_MODES = []
    CourseOverride.objects.create(course_key=KEY, is_reported=False)
    assert why() is HoldReason.COURSE_LEFT_OUT
    CourseOverride.objects.all().delete()
    settings.PERCIPIO_LEARNER_ID = "sso_uid"
    assert why() is HoldReason.NO_SSO_LINK
    settings.PERCIPIO_ENABLED = False
    assert why() is Pause.NOT_CONFIGURED


def test_the_answer_is_that_of_an_observation(course: Any, learner: Any, settings: Any) -> None:
    settings.PERCIPIO_MODES = ["verified"]
    report_due()
    assert is_reported(learner, course).reason == hold(learner) == preview(learner.pk, KEY).hold
    CourseEnrollment.objects.update(mode="verified")
    assert is_reported(learner, course)


def test_a_site_that_has_not_said_whom_it_means(course: Any, learner: Any, settings: Any) -> None:
    settings.PERCIPIO_LEARNERS = ""
    with pytest.raises(api.PercipioConfigurationError, match="PERCIPIO_LEARNERS"):
        is_reported(learner, course)


def test_a_question_writes_nothing_and_leaves_the_caller_s_transaction_alone(course: Any) -> None:
    """Not even the overview, which the platform makes of a course that has none."""
    with transaction.atomic():
        before = a_learner("made_before_it")
        assert is_reported(before, course).reason is HoldReason.NOT_ENROLLED
        a_learner("made_after_it")
    assert not CourseOverview.objects.exists()
    assert set(type(before).objects.values_list("username", flat=True)) == {"made_before_it", "made_after_it"}


@pytest.mark.parametrize("call", [is_reported, observe_soon, learner_course_state])
@pytest.mark.parametrize("key", ["", "nonsense", "course-v1:", "library-v1:DemoX+Lib", "lib:DemoX:Lib", None])
def test_a_key_that_is_none_is_the_callers_mistake(learner: Any, call: Any, key: Any) -> None:
    Notice.objects.all().delete()
    with pytest.raises(InvalidKeyError):
        call(learner, key)
    assert not Notice.objects.exists()


@pytest.mark.parametrize("more", ["+branch@published-branch", "+branch@draft-branch+version@519665f6223ebd6980884f2b"])
def test_a_key_with_a_branch_is_the_same_course_run(course: Any, learner: Any, more: str) -> None:
    """As in every table of the LMS; otherwise the learner would be reported twice, under two registrations."""
    report_due()
    assert is_reported(learner, KEY + more)
    observe_soon(learner, KEY + more)
    notices.mode_changed(user=learner, course_key=CourseKey.from_string(KEY + more))
    assert set(Notice.objects.values_list("course_key", flat=True)) == {KEY}
    assert report_due().statements == 0
    state = learner_course_state(learner, KEY + more)
    assert (state.course_key, [one.kind for one in state.waiting]) == (KEY, [Kind.STARTED])
    assert course_run(KEY + more) == KEY


# --- observe soon ----------------------------------------------------------------------------------------------------


def test_what_no_signal_told_is_observed(course: Any, learner: Any) -> None:
    Notice.objects.all().delete()
    assert observe_soon(learner, course) is True
    (noted,) = Notice.objects.all()
    assert (noted.user_id, noted.course_key, noted.reason) == (learner.pk, KEY, "asked")
    assert labels.of(labels.REASONS, noted.reason) == "another plugin asked for it"
    assert report_due().statements == 1
    observe_soon(learner, KEY)
    assert report_due().statements == 0


def test_it_is_the_caller_s_transaction(course: Any, learner: Any) -> None:
    Notice.objects.all().delete()
    with transaction.atomic():
        observe_soon(learner, course)
        transaction.set_rollback(True)
    assert not Notice.objects.exists()


def test_it_wakes_a_worker_after_the_commit(course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[str] = []
    monkeypatch.setattr("percipio_openedx.capture.wake.waker.wake", lambda: woken.append("now"))
    with transaction.atomic():
        observe_soon(learner, course)
        assert woken == []
    assert woken == ["now"]


def test_a_database_that_fails_is_not_the_caller_s(course: Any, learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise DatabaseError("no such table")

    monkeypatch.setattr(notices, "append", broken)
    assert observe_soon(learner, course) is False


def test_nothing_is_noted_where_nothing_is_reported(course: Any, learner: Any, settings: Any) -> None:
    Notice.objects.all().delete()
    assert observe_soon(AnonymousUser(), course) is False
    settings.PERCIPIO_ENABLED = False
    assert observe_soon(learner, course) is False
    assert not Notice.objects.exists()


# --- the state of a learner's course ---------------------------------------------------------------------------------


def test_what_was_reported_what_waits_and_what_is_set_aside(
    course: Any, learner: Any, django_assert_num_queries: Any
) -> None:
    nothing = learner_course_state(learner, course)
    assert (nothing.user_id, nothing.course_key, nothing.observed_at) == (learner.pk, KEY, None)
    complete(learner, course, 0)
    report_due()
    grade(learner, course)
    report_due()
    Statement.objects.filter(kind="started").update(state=State.DELIVERED)
    Statement.objects.filter(kind="passed").update(state=State.PARKED)
    with django_assert_num_queries(3):
        state = learner_course_state(learner, course)
    assert [(one.kind, one.percent, one.state) for one in state.delivered] == [(Kind.STARTED, None, "delivered")]
    assert [(one.kind, one.percent) for one in state.waiting] == [(Kind.PROGRESSED, 25), (Kind.COMPLETED, None)]
    assert [one.kind for one in state.set_aside] == [Kind.PASSED]
    assert state.delivered[0].id == Statement.objects.get(kind="started").uuid
    assert (state.reason, state.problem) == (None, "")
    assert state.observed_at is not None


def test_why_nothing_was_reported_and_what_failed(course: Any, learner: Any, settings: Any) -> None:
    settings.PERCIPIO_MODES = ["verified"]
    report_due()
    row = ObservationFailure(course_key=KEY, user_id=0, reason="of the course", part="observation")
    row.failing_since = row.failed_at = row.retry_at = LearnerCourse.objects.get().observed_at
    row.save()
    state = learner_course_state(learner, course)
    assert (state.reason, state.problem) == (HoldReason.MODE_LEFT_OUT, "of the course")
    row.pk, row.user_id, row.reason = None, learner.pk, "the learner's own"
    row.save()
    assert learner_course_state(learner, course).problem == "the learner's own"
    assert learner_course_state(AnonymousUser(), course).problem == "of the course"
    assert learner_course_state(a_learner("other"), course).problem == "of the course"


# --- the signals -----------------------------------------------------------------------------------------------------


def test_the_signals_carry_what_is_documented() -> None:
    heard: list[dict[str, Any]] = []

    def hear(**given: Any) -> None:
        heard.append(given)

    api.destination_paused.connect(hear)
    api.destination_recovered.connect(hear)
    try:
        row = Destination.objects.create(site_id=1, account="birch", organization="acme")
        breaker.hold(row, Pause.CONFIGURATION, "PERCIPIO_API_URL: is missing", timezone.now())
        breaker.resume(row)
    finally:
        api.destination_paused.disconnect(hear)
        api.destination_recovered.disconnect(hear)
    about = {"destination_id": row.pk, "site_id": 1, "account": "birch", "organization": "acme"}
    said = [{name: value for name, value in one.items() if name not in ("signal", "sender")} for one in heard]
    assert said == [{**about, "reason": Pause.CONFIGURATION, "message": "PERCIPIO_API_URL: is missing"}, about]
    rows = re.findall(r"^\| `(destination_\w+)` \|[^|]+\| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = {name: set(re.findall(r"`(\w+)`", arguments)) for name, arguments in rows}
    assert documented == {"destination_paused": set(said[0]), "destination_recovered": set(said[1])}


@pytest.mark.parametrize("end", [breaker.resume, breaker.succeeded])
def test_each_signal_is_sent_once_by_two_workers_who_find_the_same(end: Any) -> None:
    heard: list[str] = []

    def pauses(**_: Any) -> None:
        heard.append("paused")

    def recovers(**_: Any) -> None:
        heard.append("recovered")

    api.destination_paused.connect(pauses)
    api.destination_recovered.connect(recovers)
    try:
        pk = Destination.objects.create(site_id=1).pk
        for worker in [Destination.objects.get(pk=pk), Destination.objects.get(pk=pk)]:
            breaker.hold(worker, Pause.CONFIGURATION, "PERCIPIO_API_URL: is missing", timezone.now())
        for worker in [Destination.objects.get(pk=pk), Destination.objects.get(pk=pk)]:
            end(worker)
        assert Destination.objects.get().paused_reason == ""
    finally:
        api.destination_paused.disconnect(pauses)
        api.destination_recovered.disconnect(recovers)
    assert heard == ["paused", "recovered"]


# --- the filter ------------------------------------------------------------------------------------------------------


class CostCenter(PipelineStep):
    """A step that adds an extension, and leaves out the time on task."""

    calls = 0
    center = "4711"

    def run_filter(self, statement: Any, record: Any, user_id: int, **_: Any) -> dict[str, Any]:
        type(self).calls += 1
        statement["context"].setdefault("extensions", {})[COST_CENTER] = self.center
        record.pop("duration_spent", None)
        return {"statement": statement, "record": record}


class OfOne(PipelineStep):
    """A step that does something odd about one learner only."""

    target = 0
    act: Any = None

    def run_filter(self, statement: Any, user_id: int, **_: Any) -> dict[str, Any]:
        if user_id == self.target:
            type(self).act(statement)
        return {"statement": statement}


@pytest.fixture
def step(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Configure one of the steps."""
    monkeypatch.setattr(CostCenter, "calls", 0)

    def configure(chosen: type[PipelineStep]) -> None:
        pipeline = [f"{__name__}.{chosen.__name__}"]
        settings.OPEN_EDX_FILTERS_CONFIG = {StatementFreezeRequested.filter_type: {"pipeline": pipeline}}

    yield configure


def odd(monkeypatch: pytest.MonkeyPatch, learner: Any, act: Any) -> None:
    monkeypatch.setattr(OfOne, "target", learner.pk)
    monkeypatch.setattr(OfOne, "act", staticmethod(act))


@pytest.mark.parametrize("api_in_force", ["statements", "track"])
def test_what_a_step_has_changed_arrives(
    course: Any, learner: Any, arriving: Any, settings: Any, step: Any, api_in_force: str
) -> None:
    settings.PERCIPIO_API = api_in_force
    step(CostCenter)
    complete(learner, course, 0, 1)
    report_due()
    deliver_due()
    if api_in_force == "statements":
        found = [one["context"]["extensions"] for one in arriving.statements]
        assert found == [{COST_CENTER: "4711"}] * 2
    else:
        assert [one["status"] for one in arriving.track] == ["started", "in_progress"]
        assert not any("duration_spent" in one for one in arriving.track)


def test_the_step_that_is_documented(course: Any, learner: Any, step: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands there, with the members of its plugin in memory."""
    members = {learner.pk: SimpleNamespace(agreed=True, cost_center="4711")}
    found = SimpleNamespace(filter=lambda user_id: SimpleNamespace(first=lambda: members.get(user_id)))
    (block,) = re.findall(
        r"^```python\n(.*?class CostCenter.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    names: dict[str, Any] = {"Member": SimpleNamespace(objects=found)}
    exec(block.rpartition("```python\n")[2], names)
    monkeypatch.setattr(sys.modules[__name__], "CostCenter", names["CostCenter"])
    step(names["CostCenter"])
    other = a_learner("other")
    enrolled(other, course)
    report_due()
    body = json.loads(bytes(Statement.objects.get().body))
    assert body["context"]["extensions"] == {COST_CENTER: "4711"}
    assert hold(other) == "stopped"


def test_a_frozen_statement_is_never_filtered_again_but_a_rebuilt_one_is(
    course: Any, learner: Any, step: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step(CostCenter)
    report_due()
    assert CostCenter.calls == 1
    before = bytes(Statement.objects.get().body)
    grade(learner, course, passing=False)
    report_due()
    deliver_due()
    assert (CostCenter.calls, bytes(Statement.objects.get().body)) == (1, before)

    monkeypatch.setattr(CostCenter, "center", "4712")
    settings.PERCIPIO_SEND_NAMES = False
    rebuild_due()
    row = Statement.objects.get()
    assert CostCenter.calls == 2
    assert json.loads(bytes(row.body))["context"]["extensions"] == {COST_CENTER: "4712"}
    assert str(row.uuid) == json.loads(bytes(row.body))["id"] == json.loads(before)["id"]


def prevent(_: Any) -> None:
    raise StatementFreezeRequested.PreventStatement("no_consent")


def broken(error: Any) -> Any:
    def act(_: Any) -> None:
        raise error(CANARY)

    return act


def test_a_stop_at_one_milestone_keeps_all_that_are_due_and_loses_none(
    course: Any, learner: Any, step: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes due together waits together, so that nothing overtakes anything; then all of it is reported once."""

    def not_completed(statement: Any) -> None:
        if statement["verb"]["id"].endswith("/completed"):
            prevent(statement)

    odd(monkeypatch, learner, not_completed)
    step(OfOne)
    report_due()
    grade(learner, course)
    assert report_due().statements == 0
    assert (reported(), hold(learner)) == ([("started", "")], "stopped")
    settings.OPEN_EDX_FILTERS_CONFIG = {}
    for _ in range(2):
        observe_soon(learner, course)
        report_due()
    assert (reported(), hold(learner)) == ([("started", ""), ("passed", ""), ("completed", "")], "")


def test_who_is_stopped_is_held_alone_and_visibly_until_the_step_lets_go(
    course: Any,
    learner: Any,
    step: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "percipio_openedx")
    other = a_learner("other")
    enrolled(other, course)
    odd(monkeypatch, learner, prevent)
    step(OfOne)
    assert report_due().held == 1
    assert set(Statement.objects.values_list("learner_course__user_id", flat=True)) == {other.pk}
    assert (hold(learner), learner_course_state(learner, course).reason) == ("stopped", HoldReason.STOPPED)
    assert not ObservationFailure.objects.exists()
    assert f"statement stopped user={learner.pk} course={KEY} reason=no_consent" in caplog.text
    assert preview(learner.pk, KEY).hold == "stopped"
    assert "A filter step of this LMS stops" in command("percipio_preview", str(learner.pk), KEY).out
    assert is_reported(learner, course)

    odd(monkeypatch, learner, lambda _: None)
    observe_soon(learner, course)
    report_due()
    assert (hold(learner), reported(learner_course__user_id=learner.pk)) == ("", [("started", "")])


def test_the_sweep_finds_who_is_stopped_no_more(
    course: Any, learner: Any, step: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PERCIPIO_SWEEP = True
    odd(monkeypatch, learner, prevent)
    step(OfOne)
    report_due()
    sweep_due()
    assert reported() == []
    odd(monkeypatch, learner, lambda _: None)
    a_day_later()
    sweep_due()
    assert reported() == [("started", "")]


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda one: one.update(id=CANARY), "statement.id: was changed by a filter step, which may not do that"),
        (lambda one: one["actor"].update(name=CANARY), "statement.actor: was changed by a filter step, which may"),
        (lambda one: one["object"].update(id=CANARY), "object.id: was changed by a filter step, which may not"),
        (lambda one: one[CANARY], "KeyError"),
        (broken(api.PercipioError), "statement: a filter step broke (PercipioError)"),
        (broken(lambda said: api.PercipioConfigurationError(said, said)), "statement: a filter step broke (Percipio"),
    ],
)
def test_a_step_that_breaks_or_changes_a_fact_holds_its_learner_alone(
    course: Any,
    learner: Any,
    step: Any,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    act: Any,
    reason: str,
) -> None:
    caplog.set_level(logging.DEBUG, "percipio_openedx")
    other = a_learner("other")
    enrolled(other, course)
    odd(monkeypatch, learner, act)
    step(OfOne)
    report_due()
    assert set(Statement.objects.values_list("learner_course__user_id", flat=True)) == {other.pk}
    failure = ObservationFailure.objects.get()
    assert (hold(learner), failure.user_id) == ("unsayable", learner.pk)
    assert failure.reason.startswith(reason)
    assert learner_course_state(learner, course).problem == failure.reason
    # openedx-filters logs the step's error as it is, before anybody else sees it.
    assert CANARY not in "".join(one.message for one in caplog.records if one.name.startswith("percipio_openedx"))
    settings.OPEN_EDX_FILTERS_CONFIG = {}
    report_due()
    assert (hold(learner), reported(learner_course__user_id=learner.pk)) == ("", [("started", "")])


def test_what_is_stopped_while_it_is_rebuilt_waits_with_the_reason(
    course: Any, learner: Any, step: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_due()
    odd(monkeypatch, learner, prevent)
    step(OfOne)
    settings.PERCIPIO_SEND_NAMES = False
    assert rebuild_due().put_off == 1
    row = Statement.objects.get()
    assert (row.state, row.answer) == ("outdated", "cannot be rebuilt yet: stopped by a filter step: no_consent")


# --- the promise -----------------------------------------------------------------------------------------------------

SIGNATURES = {
    "is_reported": ["user", "course_key"],
    "observe_soon": ["user", "course_key"],
    "learner_course_state": ["user", "course_key"],
}
FIELDS = {
    "Reporting": ["reason"],
    "ReportedMilestone": ["id", "kind", "percent", "happened_at", "state", "settled_at"],
    "LearnerCourseState": [
        *("user_id", "course_key", "observed_at", "reason", "problem", "delivered", "waiting", "set_aside"),
    ],
}


def test_what_is_promised_stays() -> None:
    """A name may be added here, and with it to the documentation; none may go before the next major version."""
    assert {name: list(inspect.signature(getattr(api, name)).parameters) for name in SIGNATURES} == SIGNATURES
    assert {name: [one.name for one in fields(getattr(api, name))] for name in FIELDS} == FIELDS
    others = {"HoldReason", "Kind", "Pause", "PercipioConfigurationError", "PercipioError", "StatementFreezeRequested"}
    assert set(api.__all__) == {*SIGNATURES, *FIELDS, *others, "destination_paused", "destination_recovered"}
    filtering = inspect.signature(StatementFreezeRequested.run_filter).parameters
    assert list(filtering) == ["statement", "record", "user_id", "course_key", "kind"]
    page = PAGE.read_text(encoding="utf-8")
    named = [*api.__all__, *filtering, StatementFreezeRequested.filter_type, "PreventStatement"]
    named += [one for of_class in FIELDS.values() for one in of_class]
    assert [name for name in named if f"`{name}" not in page and f".{name}" not in page] == []
