"""What no notice told is found by comparing, gently: within a day, a part in each pass, and no history unasked."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.contrib.auth import get_user_model
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lms.djangoapps.grades.models import PersistentCourseGrade
from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache
from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel

from demo.learning.models import StoredBlock
from percipio_openedx import edx_platform
from percipio_openedx.edx_platform import CourseState
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import LearnerCourse, Notice, ObservationFailure, PercipioConfiguration, Statement, Sweep
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.models.statement import State
from percipio_openedx.operations import doctor, metrics, status, sweep, walk
from percipio_openedx.operations.checks import CheckVerdict
from percipio_openedx.operations.run import run_pass
from percipio_openedx.operations.scope import Limit, Scope
from percipio_openedx.operations.sweep import SweepWalk, sweep_due
from percipio_openedx.reporting import facts, report_due
from percipio_sandbox import Sandbox
from tests.integration.builders import KEY, a_course, a_learner, a_site, block, enrolled, progress_asked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

OTHER = "course-v1:OtherX+B2+2026"
LONG_AGO = timedelta(days=400)
FOREVER = 1e9


@pytest.fixture(autouse=True)
def _sweeping(settings: Any) -> None:
    settings.PERCIPIO_SWEEP = True


def lost() -> None:
    """No notice of what has just been done is left."""
    Notice.objects.all().delete()


def passed(user: Any, course: Any) -> None:
    """A grade that stands in the table, as an import writes it: without a signal."""
    PersistentCourseGrade.objects.bulk_create(
        [
            PersistentCourseGrade(
                user_id=user.pk,
                course_id=course,
                percent_grade=0.9,
                letter_grade="Pass",
                passed_timestamp=timezone.now() - timedelta(days=3),
            )
        ]
    )


def complete(user: Any, course: Any, *numbers: int) -> None:
    for number in numbers:
        BlockCompletion.objects.submit_completion(user=user, block_key=block(course, number), completion=1.0)


def reported() -> list[tuple[str, str]]:
    rows = Statement.objects.order_by("learner_course__user_id", "course_key", "sequence")
    names = dict(get_user_model().objects.values_list("pk", "username"))
    return [(names[user_id], kind) for user_id, kind in rows.values_list("learner_course__user_id", "kind")]


def a_day_later() -> None:
    """The next round may begin."""
    Sweep.objects.update(started_at=timezone.now() - timedelta(days=2))


def swept(since: datetime | None = None) -> Sweep:
    """The row of a site as after its first round; the plugin first looked at it a day ago."""
    ago = timezone.now() - timedelta(days=2)
    row = {"started_at": ago, "finished_at": ago, "compared_until": ago}
    return Sweep.objects.create(site_id=1, since=since or timezone.now() - timedelta(days=1), **row)


def rounds(most: int = 30) -> int:
    """Sweep until the round is over; return the number of passes."""
    for number in range(1, most):
        sweep_due()
        if not Sweep.objects.filter(finished_at=None).exists():
            return number
    raise AssertionError("the round does not end")


@pytest.fixture
def course() -> Any:
    return a_course(units=4)


@pytest.fixture
def amina(course: Any) -> Any:
    """Who has been looked at: enrolled, and that was reported."""
    found = a_learner("amina")
    enrolled(found, course)
    report_due()
    assert reported() == [("amina", "started")]
    return found


def test_a_row_without_a_signal(amina: Any, course: Any) -> None:
    passed(amina, course)
    report_due()
    assert reported() == [("amina", "started")]
    found = sweep_due()
    assert (found.observed, found.statements, found.broken) == (1, 2, "")
    assert reported() == [("amina", kind) for kind in ("started", "passed", "completed")]
    completed = Statement.objects.get(kind="completed")
    passed_at = PersistentCourseGrade.objects.get().passed_timestamp
    assert abs(completed.happened_at - passed_at) < timedelta(milliseconds=1)
    a_day_later()
    sweep_due()
    assert Statement.objects.count() == 3


def test_a_lost_signal_of_a_new_enrollment(amina: Any, course: Any) -> None:
    row = swept()
    enrolled(a_learner("boris"), course)
    lost()
    sweep_due()
    assert reported() == [("amina", "started"), ("boris", "started")]
    row.refresh_from_db()
    assert row.compared_until == row.started_at
    assert (row.enrollments_done, row.observed, row.statements) == (2, 2, 1)


def test_a_site_that_was_off_for_a_week(amina: Any, course: Any) -> None:
    swept()
    PercipioConfiguration.objects.create(site_id=1, enabled=False)
    enrolled(a_learner("boris"), course)
    passed(amina, course)
    report_due()
    assert not Notice.objects.exists()
    a_day_later()
    assert sweep_due().next_at is None
    assert reported() == [("amina", "started")]
    PercipioConfiguration.objects.all().delete()
    sweep_due()
    assert reported() == [("amina", kind) for kind in ("started", "passed", "completed")] + [("boris", "started")]


def test_history_is_not_reported_unasked(amina: Any, course: Any) -> None:
    """Enrolled, active and passed before the plugin looked at the site: that is a back-fill's."""
    boris = a_learner("boris")
    enrolled(boris, course)
    complete(boris, course, 0, 1)
    passed(boris, course)
    lost()
    swept(since=timezone.now() + timedelta(seconds=1))
    sweep_due()
    assert reported() == [("amina", "started")]
    assert not LearnerCourse.objects.filter(user_id=boris.pk).exists()
    # Until the learner does something.
    Sweep.objects.update(since=timezone.now() - timedelta(seconds=1))
    BlockCompletion.objects.all().update(created=timezone.now() - LONG_AGO, modified=timezone.now() - LONG_AGO)
    PersistentCourseGrade.objects.all().update(
        modified=timezone.now() - LONG_AGO, passed_timestamp=timezone.now() - LONG_AGO
    )
    boris.courseenrollment_set.update(created=timezone.now() - LONG_AGO)
    a_day_later()
    sweep_due()
    assert reported() == [("amina", "started")]
    complete(boris, course, 2)
    lost()
    a_day_later()
    sweep_due()
    assert reported()[1:] == [("boris", kind) for kind in ("started", "passed", "completed")]


def test_whose_acts_cannot_be_read_is_not_reported_unasked(
    amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    boris = a_learner("boris")
    enrolled(boris, course)
    lost()
    swept(since=timezone.now() + timedelta(seconds=1))
    activities = edx_platform.activities

    def broken(course_key: str, user_ids: Any) -> Any:
        if boris.pk in user_ids:
            raise PlatformUnavailable("completions")
        return activities(course_key, user_ids)

    monkeypatch.setattr(edx_platform, "activities", broken)
    sweep_due()
    assert reported() == [("amina", "started")]
    assert not ObservationFailure.objects.exists()


def test_since_when_a_site_is_swept(amina: Any) -> None:
    """Since its first statement, or else since the first sweep."""
    Statement.objects.update(stored_at=timezone.now() - LONG_AGO)
    other = a_site("other.example", "OtherX")
    PercipioConfiguration.objects.create(
        site_id=other.pk, enabled=True, partner_name="b", client_id="b", client_secret="b" * 20
    )
    before = timezone.now()
    sweep_due()
    since = dict(Sweep.objects.values_list("site_id", "since"))
    assert since[1] == Statement.objects.get().stored_at
    assert before <= since[other.pk] <= timezone.now()


def test_a_mended_account_is_found(amina: Any, course: Any) -> None:
    get_user_model().objects.filter(pk=amina.pk).update(email="")
    passed(amina, course)
    sweep_due()
    assert LearnerCourse.objects.get().hold_reason == "no_email"
    get_user_model().objects.filter(pk=amina.pk).update(email="amina@example.com")
    a_day_later()
    sweep_due()
    assert [kind for _, kind in reported()] == ["started", "passed", "completed"]


@pytest.mark.parametrize("has_outline", [True, False])
def test_the_expensive_progress_is_asked_for_only_where_something_changed(
    amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch, has_outline: bool
) -> None:
    if not has_outline:
        BlockStructureModel.objects.all().delete()
    complete(amina, course, 0)
    report_due()
    # Longer ago than a transaction may take.
    ago = timezone.now() - timedelta(hours=2)
    BlockCompletion.objects.update(created=ago, modified=ago)
    report_due()
    asked = progress_asked(monkeypatch)
    sweep_due()
    # Alone, what progress depends on is remembered from the second time on (``reporting.progress``).
    a_day_later()
    sweep_due()
    asked.clear()
    for _ in range(2):
        a_day_later()
        assert sweep_due().observed == 1
    assert asked == []
    complete(amina, course, 1)
    lost()
    a_day_later()
    sweep_due()
    assert asked == [amina.pk]
    assert reported()[-1] == ("amina", "progressed")


def test_whoever_has_no_news_costs_no_write(
    amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    for number in range(30):
        enrolled(a_learner(f"learner{number}"), course)
    report_due()
    monkeypatch.setattr(walk, "observe", lambda *_, **__: pytest.fail("observed"))
    with django_assert_max_num_queries(42):
        found = sweep_due()
    assert (found.observed, found.statements) == (31, 0)


def many(course: Any, number: int) -> list[str]:
    names = [f"learner{one}" for one in range(number)]
    for name in names:
        enrolled(a_learner(name), course)
    lost()
    return names


def test_a_part_in_each_pass(amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "MOST", 3)
    monkeypatch.setattr(sweep, "AT_ONCE_IN_A_PASS", 2)
    swept()
    names = many(course, 9)
    before = timezone.now()
    found = sweep_due()
    row = Sweep.objects.get()
    # The chunk that passes the limit is the last.
    assert (found.observed, row.enrollments_done, row.finished_at) == (4, 4, None)
    # What was found is delivered at once.
    assert found.next_at is not None
    assert found.next_at <= timezone.now()
    assert row.compared_until is not None
    assert row.compared_until < before
    assert rounds() == 2
    assert reported() == [(name, "started") for name in ["amina", *names]]
    row.refresh_from_db()
    assert (row.enrollments_done, row.observed, row.statements) == (10, 10, 9)


def test_seconds_of_a_pass(amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pass has not left, it does not take; the next part comes at the sweep's own pace."""
    before = timezone.now()
    found = sweep_due(seconds=0)
    assert (found.observed, Sweep.objects.get().started_at) == (0, None)
    assert found.next_at is not None
    assert sweep.PACE <= found.next_at - before <= sweep.PACE + timedelta(seconds=5)
    limits: list[float] = []
    monkeypatch.setattr(sweep, "Limit", lambda deadline, most: limits.append(deadline) or Limit(deadline, most))
    monkeypatch.setattr("percipio_openedx.operations.sweep.time.monotonic", lambda: 100.0)
    for seconds in (None, 60.0, 2.0):
        sweep_due(seconds)
    assert limits == [105.0, 105.0, 102.0]


def test_a_round_a_day(amina: Any) -> None:
    found = sweep_due()
    row = Sweep.objects.get()
    assert row.started_at is not None
    assert found.next_at == row.started_at + timedelta(days=1)
    assert (sweep_due().observed, sweep_due().next_at) == (0, found.next_at)
    Sweep.objects.update(started_at=row.started_at - timedelta(days=1))
    assert sweep_due().observed == 1


def test_a_clock_that_was_ahead_does_not_stop_it(amina: Any) -> None:
    sweep_due()
    Sweep.objects.update(started_at=timezone.now() + LONG_AGO, leased_until=timezone.now() + LONG_AGO)
    assert sweep_due().observed == 1


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("chunk", [0, 1, 2])
def test_a_worker_that_dies_loses_nothing(amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr(sweep, "AT_ONCE_IN_A_PASS", 2)
    swept()
    names = many(course, 5)
    observe, done = walk.observe, []

    def dying(*given: Any, **how: Any) -> Any:
        done.append(observe(*given, **how))
        if len(done) > chunk:
            raise Killed
        return done[-1]

    with monkeypatch.context() as patch:
        patch.setattr(walk, "observe", dying)
        # A killed process releases nothing.
        patch.setattr(walk.Walk, "_store", lambda walking, **values: "lease" in values or store(walking, **values))
        with pytest.raises(Killed):
            sweep_due()
    assert sweep_due().observed == 0
    Sweep.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    rounds()
    assert reported() == [(name, "started") for name in ["amina", *names]]


store = walk.Walk._store


def test_an_unreadable_course_does_not_stop_the_round(amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = a_course(OTHER, units=1)
    enrolled(a_learner("boris"), other)
    report_due()
    for user, key in ((amina, course), (get_user_model().objects.get(username="boris"), other)):
        passed(user, key)
    read = edx_platform.course

    def broken(course_key: str) -> Any:
        if course_key == KEY:
            raise PlatformUnavailable("course")
        return read(course_key)

    with monkeypatch.context() as patch:
        patch.setattr(edx_platform, "course", broken)
        # A pass of its own, though it fails for longer than a pass may take.
        patch.setattr(sweep, "MOST", 1)
        assert sweep_due().broken == ""
    row = Sweep.objects.get()
    assert (row.failed_courses, row.finished_at is not None, row.compared_until) == (1, True, row.started_at)
    assert ObservationFailure.objects.of_courses().get().course_key == KEY
    assert reported() == [("amina", "started"), *(("boris", kind) for kind in ("started", "passed", "completed"))]
    a_day_later()
    rounds()
    assert reported()[:3] == [("amina", kind) for kind in ("started", "passed", "completed")]
    assert not ObservationFailure.objects.exists()
    assert Sweep.objects.get().failed_courses == 0


def test_two_runs_do_not_sweep_the_same_part(amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "AT_ONCE_IN_A_PASS", 2)
    swept()
    names = many(course, 5)
    observe, others = walk.observe, []

    def meanwhile(*given: Any, **how: Any) -> Any:
        others.append(sweep_due().observed)
        return observe(*given, **how)

    monkeypatch.setattr(walk, "observe", meanwhile)
    assert sweep_due().observed == 6
    assert others == [0, 0, 0]
    assert reported() == [(name, "started") for name in ["amina", *names]]


def test_whoever_lost_the_lease_stops_and_stores_nothing(
    amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = swept()
    many(course, 5)
    observe = walk.observe

    def taking(*given: Any, **how: Any) -> Any:
        Sweep.objects.update(lease=None)
        return observe(*given, **how)

    monkeypatch.setattr(walk, "observe", taking)
    walking = SweepWalk(Scope(site_id=1, since=row.since), row, Limit(FOREVER, 100), size=2)
    assert (walking.work(), walking.is_taken, walking.part.observed) == (False, True, 2)
    assert Sweep.objects.get().enrollments_done == 0


def test_whoever_is_observed_now_is_left_to_a_notice(amina: Any, course: Any) -> None:
    passed(amina, course)
    facts.claim(1, KEY, [amina.pk], timezone.now())
    sweep_due()
    assert list(Notice.objects.values_list("user_id", "reason")) == [(amina.pk, Reason.SWEEP)]


def test_each_site_has_a_round_of_its_own(amina: Any, course: Any) -> None:
    other = a_site("other.example", "OtherX")
    PercipioConfiguration.objects.create(
        site_id=other.pk, enabled=True, partner_name="b", client_id="b", client_secret="b" * 20, region="us"
    )
    boris = a_learner("boris")
    enrolled(boris, a_course(OTHER, units=1))
    report_due()
    sweep_due()
    assert set(Sweep.objects.values_list("site_id", "enrollments_done")) == {(1, 1), (other.pk, 1)}
    passed(boris, edx_platform.parsed(OTHER))
    passed(amina, course)
    a_day_later()
    # The mistake of one site does not stop the other.
    PercipioConfiguration.objects.create(
        site_id=other.pk, enabled=True, partner_name="b", client_id="b", client_secret="", region="nowhere"
    )
    assert sweep_due().broken == ""
    assert reported() == [*(("amina", kind) for kind in ("started", "passed", "completed")), ("boris", "started")]


@pytest.mark.parametrize("setting", ["PERCIPIO_SWEEP", "PERCIPIO_ENABLED"])
def test_switched_off(amina: Any, course: Any, settings: Any, setting: str) -> None:
    passed(amina, course)
    setattr(settings, setting, False)
    found = sweep_due()
    assert (found.observed, found.next_at, Sweep.objects.exists()) == (0, None, False)


def test_real_work_goes_first(arriving: Sandbox, course: Any) -> None:
    """A pass delivers before it sweeps; what it found leaves with the next."""
    amina = a_learner("amina")
    enrolled(amina, course)
    passed(amina, course)
    run_pass(budget=60)
    states = {row.kind: row.state for row in Statement.objects.all()}
    assert states == dict.fromkeys(("started", "passed", "completed"), State.DELIVERED)
    boris = a_learner("boris")
    enrolled(boris, course)
    lost()
    a_day_later()
    done = run_pass(budget=60)
    assert Statement.objects.exclude(state=State.DELIVERED).get().kind == "started"
    assert done.next_at is not None
    assert done.next_at <= timezone.now()
    done = run_pass(budget=60)
    assert not Statement.objects.exclude(state=State.DELIVERED).exists()
    assert done.next_at == Sweep.objects.get().started_at + timedelta(days=1)  # type: ignore[operator]


def test_the_databases_locks_are_no_fault_of_its_own(amina: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: Any, **__: Any) -> Any:
        raise OperationalError(1205, "Lock wait timeout exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(walk, "observe", locked)
        patch.setattr(walk, "nothing_new", lambda *_, **__: set())
        found = sweep_due()
    assert (found.broken, found.next_at is not None) == ("", True)
    assert rounds() == 1


def texts(client: Client) -> tuple[str, str, str]:
    """What overview, doctor and metrics say of it."""
    page = client.get(reverse("admin:percipio_openedx_overview") + "?fresh").content.decode()
    (found,) = [
        one.seen
        for one in doctor.health(status.take(timezone.now()))
        if one.name == "compared with the LMS: example.com"
    ]
    (gauge,) = [one for one in metrics.gauges() if one.name == "compared_until_timestamp_seconds"]
    assert html.escape(found) in page
    return found, str(gauge.values), page


def test_overview_doctor_and_metrics_say_how_far_it_is(
    amina: Any, course: Any, monkeypatch: pytest.MonkeyPatch, admin_client: Client, settings: Any
) -> None:
    assert texts(admin_client)[:2] == ("not yet; the first pass of a worker begins", "{}")
    many(course, 5)
    monkeypatch.setattr(sweep, "MOST", 2)
    monkeypatch.setattr(sweep, "AT_ONCE_IN_A_PASS", 2)
    Sweep.objects.create(site_id=1, since=timezone.now() - timedelta(days=1))
    sweep_due()
    under_way = f"a round is under way: 2 enrollments so far, at {KEY}"
    assert texts(admin_client)[:2] == (f"not once yet as a whole; {under_way}", "{('1',): 0}")
    rounds()
    until = Sweep.objects.get().started_at
    assert until is not None
    said = f"everything up to {until:%Y-%m-%d %H:%M} UTC"
    assert texts(admin_client)[:2] == (said, f"{{('1',): {until.timestamp()}}}")
    Sweep.objects.update(failed_courses=1)
    assert texts(admin_client)[0] == said
    settings.PERCIPIO_SWEEP = False
    page = admin_client.get(reverse("admin:percipio_openedx_overview") + "?fresh").content.decode()
    assert "Compared with the LMS" not in page
    (found,) = [
        one for one in doctor.health(status.take(timezone.now())) if one.name == "compared with the LMS: example.com"
    ]
    assert (found.verdict, "PERCIPIO_SWEEP" in found.seen) == (CheckVerdict.SKIPPED, True)


def publish_without_the_last_unit(course: Any, how: str) -> None:
    unit = StoredBlock.objects.filter(usage_key=course.make_usage_key("vertical", "unit3"))
    if how == "deleted":
        unit.delete()
    else:
        unit.update(staff_only=True)
    update_course_in_cache(course)


@pytest.mark.parametrize("how", ["deleted", "hidden"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_course_that_is_published_again(
    amina: Any, course: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, how: str, is_known: bool
) -> None:
    """Who had done all that is left does nothing more: no notice would ever tell that they have completed it.

    That is so as well where not all is known that the progress depends on, as with another package's partitions.
    """
    settings.PERCIPIO_COMPLETED_ON = "progress"
    if not is_known:
        monkeypatch.setattr(edx_platform, "course_state", lambda _, users: CourseState(dict.fromkeys(users, "")))
    complete(amina, course, 0, 1, 2)
    ago = timezone.now() - timedelta(hours=2)
    BlockCompletion.objects.update(created=ago, modified=ago)
    report_due()
    sweep_due()
    assert reported() == [("amina", "started"), ("amina", "progressed")]
    publish_without_the_last_unit(course, how)
    report_due()
    assert reported()[2:] == []
    a_day_later()
    sweep_due()
    assert reported()[2:] == [("amina", "completed")]


def test_progress_that_was_unknown_is_asked_for_in_each_round(
    amina: Any, course: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PERCIPIO_COMPLETED_ON = "progress"
    complete(amina, course, 0, 1, 2, 3)
    ago = timezone.now() - timedelta(hours=2)
    BlockCompletion.objects.update(created=ago, modified=ago)
    BlockStructureModel.objects.update(modified=ago)
    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(edx_platform, "learner_progress", lambda *_: None)
        report_due()
        for _ in range(2):
            a_day_later()
            sweep_due()
    assert reported() == [("amina", "started")]
    a_day_later()
    sweep_due()
    assert reported()[1:] == [("amina", "completed")]


def test_a_course_that_is_published_again_is_looked_at_in_parts(
    amina: Any, course: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PERCIPIO_COMPLETED_ON = "progress"
    monkeypatch.setattr(sweep, "MOST", 3)
    monkeypatch.setattr(sweep, "AT_ONCE_IN_A_PASS", 2)
    names = ["amina", *many(course, 8)]
    for user in get_user_model().objects.filter(username__in=names):
        complete(user, course, 0, 1, 2)
    report_due()
    rounds()
    publish_without_the_last_unit(course, "deleted")
    a_day_later()
    assert sweep_due().observed == 4
    assert [kind for _, kind in reported()].count("completed") == 4
    assert rounds() == 2
    assert [kind for _, kind in reported()].count("completed") == 9
