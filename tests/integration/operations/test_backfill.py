"""History: what is looked at, what is reported, and that it can be stopped, begun again and repeated."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.utils import timezone
from lms.djangoapps.grades.models import PersistentCourseGrade

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import BackfillRun, LearnerCourse, Notice, Statement
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.operations import backfill, walk
from percipio_openedx.operations.scope import Scope
from percipio_openedx.reporting import facts
from tests.integration.builders import KEY, a_course, a_learner, a_site, block, enrolled, progress_asked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]

Manage = Callable[..., Any]
OTHER = "course-v1:OtherX+B2+2026"


@pytest.fixture
def history(manage: Manage) -> dict[str, Any]:
    """Three learners in one course, one of them in another: one has passed, one has done half."""
    course, other = a_course(units=4), a_course(OTHER, units=4)
    people = {name: a_learner(name) for name in ("amina", "boris", "chen")}
    for learner in people.values():
        enrolled(learner, course)
    enrolled(people["amina"], other)
    PersistentCourseGrade.objects.create(
        user_id=people["amina"].pk,
        course_id=course,
        percent_grade=0.9,
        letter_grade="Pass",
        passed_timestamp=timezone.now(),
    )
    for number in (0, 1):
        BlockCompletion.objects.submit_completion(user=people["boris"], block_key=block(course, number), completion=1.0)
    Notice.objects.all().delete()
    return people


def reported() -> list[tuple[int, str, str]]:
    rows = Statement.objects.order_by("learner_course__course_key", "learner_course__user_id", "sequence")
    return list(rows.values_list("learner_course__user_id", "learner_course__course_key", "kind"))


def everything(people: dict[str, Any]) -> list[tuple[int, str, str]]:
    amina, boris, chen = (people[name].pk for name in ("amina", "boris", "chen"))
    return [
        (amina, KEY, "started"),
        (amina, KEY, "passed"),
        (amina, KEY, "completed"),
        (boris, KEY, "started"),
        (boris, KEY, "progressed"),
        (chen, KEY, "started"),
        (amina, OTHER, "started"),
    ]


def test_all_of_history(history: dict[str, Any], manage: Manage) -> None:
    ran = manage("percipio_backfill")
    assert ran.code == 0
    assert ran.lines[1:] == ["4 learners in courses observed, 7 statements queued"]
    assert reported() == everything(history)
    again = manage("percipio_backfill", "--json")
    assert again.documents[0] | {"run": 0} == {
        "run": 0,
        "finished": True,
        "observed": 4,
        "statements": 0,
        "held": 0,
        "failed_courses": 0,
        "courses": [],
    }
    assert reported() == everything(history)


@pytest.mark.parametrize(
    ("arguments", "observed"),
    [
        (["--course", OTHER], 1),
        (["--course", OTHER, "--course", KEY], 4),
        (["--organization", "OtherX"], 1),
        (["--organization", "NobodyX"], 0),
        (["--learner", "amina"], 2),
        (["--learner", "AMINA@example.com"], 2),
        (["--learner", "boris", "--course", OTHER], 0),
        (["--site", "1"], 4),
        (["--since", "2020-01-01"], 4),
        (["--until", "2020-01-01"], 0),
        (["--since", "2099-01-01"], 0),
    ],
)
def test_a_part_of_history(history: dict[str, Any], manage: Manage, arguments: list[str], observed: int) -> None:
    ran = manage("percipio_backfill", "--json", *arguments)
    assert (ran.code, ran.documents[0]["observed"]) == (0, observed)


def test_by_dates_whoever_did_something_within_them(history: dict[str, Any], manage: Manage) -> None:
    """Enrolled long ago; the act counts, whichever it was."""
    CourseEnrollment.objects.update(created=timezone.now() - timedelta(days=900))
    since = f"{timezone.now() - timedelta(days=1):%Y-%m-%d}"
    assert manage("percipio_backfill", "--since", since).code == 0
    assert {user_id for user_id, _, _ in reported()} == {history["amina"].pk, history["boris"].pk}
    assert manage("percipio_backfill", "--until", since).code == 0
    assert reported() == everything(history)


def test_a_site_of_its_own(history: dict[str, Any], manage: Manage) -> None:
    site = a_site("other.example", "OtherX")
    ran = manage("percipio_backfill", "--site", "other.example", "--json")
    assert ran.documents[0]["observed"] == 1
    assert set(LearnerCourse.objects.values_list("site_id", "course_key")) == {(site.pk, OTHER)}


class Stop:
    """Asks to stop after so many questions."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.waited: list[float] = []

    def is_set(self) -> bool:
        self.after -= 1
        return self.after < 0

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)


@pytest.mark.thinned(3)
@pytest.mark.parametrize("after", range(8))
def test_wherever_it_stops_it_goes_on(
    history: dict[str, Any], manage: Manage, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(walk, "AT_ONCE", 1)
    scope = Scope()
    work = backfill.Backfill(scope, backfill.begin(scope), Stop(after))
    is_finished = work.work()
    # Asked before each of the four learners, and between the two courses.
    assert is_finished is (after >= 5)

    ran = manage("percipio_backfill", "--json")
    assert (ran.code, ran.documents[-1]["finished"]) == (0, True)
    assert reported() == everything(history)
    if not is_finished:
        assert BackfillRun.objects.get().observed == 4


def test_a_signal_stops_it_between_two_chunks(
    history: dict[str, Any], manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "AT_ONCE", 1)
    observe = walk.observe

    def observing(*args: Any, **how: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return observe(*args, **how)

    monkeypatch.setattr(walk, "observe", observing)
    handler = signal.getsignal(signal.SIGTERM)
    ran = manage("percipio_backfill")
    assert (ran.code, ran.lines[0]) == (
        1,
        "The back-fill was interrupted; called again with the same arguments it goes on.",
    )
    assert BackfillRun.objects.get().observed == 1
    assert signal.getsignal(signal.SIGTERM) is handler
    monkeypatch.setattr(walk, "observe", observe)
    assert manage("percipio_backfill").code == 0
    assert reported() == everything(history)
    assert manage("percipio_backfill", "--restart").code == 0
    assert BackfillRun.objects.count() == 2


def test_the_pace(history: dict[str, Any]) -> None:
    scope, stop = Scope(), Stop(100)
    work = backfill.Backfill(scope, backfill.begin(scope), stop, rate=0.5)
    work.work()
    # One at a time, two seconds each, less what the look took.
    assert len(stop.waited) == 4
    assert all(0 < seconds <= 2 for seconds in stop.waited)


def test_the_dear_share_is_asked_for_where_it_matters_and_each_time_anew(
    history: dict[str, Any], manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of it depends on more than can be compared, so whoever goes through everybody asks again."""
    asked = progress_asked(monkeypatch)
    manage("percipio_backfill")
    assert asked == [history["boris"].pk]
    manage("percipio_backfill", "--restart")
    assert asked == [history["boris"].pk] * 2


def test_whoever_is_looked_at_now_is_left_to_a_worker(history: dict[str, Any], manage: Manage) -> None:
    chen = history["chen"]
    facts.claim(1, KEY, [chen.pk], timezone.now())
    assert manage("percipio_backfill").code == 0
    assert list(Notice.objects.values_list("user_id", "course_key", "reason")) == [(chen.pk, KEY, Reason.BACKFILL)]


def test_a_course_that_cannot_be_asked_about_is_named(
    history: dict[str, Any], manage: Manage, monkeypatch: pytest.MonkeyPatch
) -> None:
    course = edx_platform.course

    def broken(course_key: str) -> Any:
        if course_key == KEY:
            raise PlatformUnavailable("course")
        return course(course_key)

    monkeypatch.setattr(edx_platform, "course", broken)
    ran = manage("percipio_backfill")
    assert (ran.code, ran.lines[-1]) == (1, f"could not be observed (see the log): Cloud Foundations ({KEY})")
    assert reported() == everything(history)[-1:]


def test_a_dry_run_writes_nothing(history: dict[str, Any], manage: Manage) -> None:
    ran = manage("percipio_backfill", "--dry-run", "--json")
    assert ran.code == 0
    assert ran.documents == [
        {
            "courses": 2,
            "enrollments": 4,
            "examined": 4,
            "statements": {"started": 4, "passed": 1, "completed": 1, "progressed": 1},
            "held": {},
            "interrupted": False,
        }
    ]
    for model in (Statement, LearnerCourse, BackfillRun, Notice):
        assert not model.objects.exists()


def test_a_dry_run_examines_a_sample(history: dict[str, Any], manage: Manage) -> None:
    (found,) = manage("percipio_backfill", "--dry-run", "--sample", "2", "--json").documents
    assert (found["enrollments"], found["examined"]) == (4, 2)
    (found,) = manage("percipio_backfill", "--dry-run", "--sample", "0", "--json").documents
    assert (found["enrollments"], found["examined"]) == (4, 4)


def test_queries_do_not_grow_with_the_learners(
    history: dict[str, Any], manage: Manage, django_assert_max_num_queries: Any
) -> None:
    CourseEnrollment.objects.exclude(course_id=KEY).delete()
    for number in range(30):
        enrolled(a_learner(f"learner{number}"), a_key())
    Notice.objects.all().delete()
    manage("percipio_backfill")
    with django_assert_max_num_queries(78):
        manage("percipio_backfill")


def a_key() -> Any:
    return edx_platform.parsed(KEY)


def test_nobody_reports(history: dict[str, Any], manage: Manage, settings: Any) -> None:
    settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_SECRET = ""
    ran = manage("percipio_backfill", "--json")
    assert (ran.code, ran.documents[0]["observed"]) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--course", "nonsense"], "is no course run"),
        (["--course", "course-v1:No+Such+Run"], "there is no course run course-v1:No+Such+Run"),
        (["--course", "course-v1:No+Such+Run", "--dry-run"], "there is no course run course-v1:No+Such+Run"),
        (["--learner", "nobody"], "no such learner"),
        (["--site", "nowhere.example"], "there is no site"),
        (["--since", "soon"], "is no date"),
        (["--rate", "0"], "--rate"),
        (["--rate", "nan"], "--rate"),
        (["--sample", "-1", "--dry-run"], "--sample"),
    ],
)
def test_wrong_usage(db: None, manage: Manage, arguments: list[str], words: str) -> None:
    ran = manage("percipio_backfill", *arguments)
    assert ran.code == 2
    assert words in ran.err


def test_the_keys_that_name_nothing_are_said(history: dict[str, Any], manage: Manage) -> None:
    """And nothing is done of the others."""
    nothing = ["course-v1:No+Such+Run", "course-v1:No+Other+Run"]
    ran = manage("percipio_backfill", "--course", KEY, *(word for key in nothing for word in ("--course", key)))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == "there is no course run course-v1:No+Other+Run, course-v1:No+Such+Run"
    assert not BackfillRun.objects.exists()


def test_no_learner_is_named_in_the_row(history: dict[str, Any], manage: Manage) -> None:
    manage("percipio_backfill", "--learner", "amina@example.com")
    assert json.loads(BackfillRun.objects.get().scope)["user_id"] == history["amina"].pk
    assert "amina" not in BackfillRun.objects.get().scope
