"""A row that the database does not take is set aside alone; the rows that were to be written with it are written.

Run on MariaDB as well (``make test-services``): SQLite asks nothing of a text's length.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone
from lms.djangoapps.certificates.generation import generate_course_certificate
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx_filters import PipelineStep
from social_django.models import UserSocialAuth

from percipio_openedx import config
from percipio_openedx.models import Destination, LearnerCourse, Notice, ObservationFailure, Statement
from percipio_openedx.models.learner_course import Part, registration_for
from percipio_openedx.reporting import facts, failures, milestones, report_due
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.observe import examine
from percipio_openedx.statements import build
from tests.integration.builders import KEY, a_course, a_learner, enrolled
from tests.integration.test_reporting import complete, grade, notice
from tests.poison import CANARY
from tests.unit.statements.cases import VERB_FILTER

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

LEARNERS = 8


@contextmanager
def refusing(act: str, model: Any, condition: str) -> Iterator[None]:
    """The database takes no such row: what it says then is as unforeseen as any word of an operator's trigger."""
    table = connection.ops.quote_name(model._meta.db_table)
    if connection.vendor == "mysql":
        body = f"IF {condition} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{CANARY}'; END IF"
        trigger = f"CREATE TRIGGER refusing BEFORE {act} ON {table} FOR EACH ROW BEGIN {body}; END"
    else:
        body = f"SELECT RAISE(ABORT, '{CANARY}')"
        trigger = f"CREATE TRIGGER refusing BEFORE {act} ON {table} WHEN {condition} BEGIN {body}; END"
    with connection.cursor() as cursor:
        cursor.execute(trigger)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER refusing")


@pytest.fixture
def course() -> Any:
    return a_course(units=4)


@pytest.fixture
def learners(course: Any) -> list[Any]:
    found = [a_learner(f"learner{number}") for number in range(LEARNERS)]
    for learner in found:
        enrolled(learner, course)
    return found


def ids(*learners: Any) -> set[int]:
    return {learner.pk for learner in learners}


def reported() -> set[int]:
    return set(Statement.objects.values_list("learner_course__user_id", flat=True))


def failing() -> set[int]:
    return set(ObservationFailure.objects.values_list("user_id", flat=True))


def row_of(learner: Any) -> LearnerCourse:
    return LearnerCourse.objects.get(user_id=learner.pk)


def test_a_statement_that_is_not_taken(course: Any, learners: list[Any]) -> None:
    report_due()
    for learner in learners:
        grade(learner, course)
    bad = learners[3]
    with refusing("INSERT", Statement, f"NEW.learner_course_id = {row_of(bad).pk}"):
        report_due()
    reported = {
        learner.pk: Statement.objects.filter(learner_course__user_id=learner.pk).count() for learner in learners
    }
    assert reported == {learner.pk: 1 if learner is bad else 3 for learner in learners}
    assert failing() == ids(bad)
    row = row_of(bad)
    assert (row.sequence, row.reported_passed, row.lease) == (1, False, None)
    assert CANARY not in str(ObservationFailure.objects.values().get())

    report_due()
    rows = Statement.objects.filter(learner_course__user_id=bad.pk).order_by("sequence")
    assert list(rows.values_list("sequence", "kind")) == [(1, "started"), (2, "passed"), (3, "completed")]
    assert failing() == set()


@pytest.mark.parametrize("poisoned", [2, 4, 7])
def test_several_that_are_not_taken(learners: list[Any], poisoned: int) -> None:
    bad = learners[:poisoned]
    for learner in learners:
        root = config.lms_root()
        registration = registration_for(root, learner.pk, KEY)
        LearnerCourse.objects.create(user_id=learner.pk, course_key=KEY, site_id=1, registration=registration)
    pks = ",".join(str(row_of(learner).pk) for learner in bad)
    with refusing("INSERT", Statement, f"NEW.learner_course_id IN ({pks})"):
        for _ in range(3):
            report_due()
            ObservationFailure.objects.update(retry_at=timezone.now())
        assert reported() == ids(*learners) - ids(*bad)
    report_due()
    assert reported() == ids(*learners)
    assert failing() == set()


def test_what_is_told_cannot_be_remembered(course: Any, learners: list[Any]) -> None:
    report_due()
    for learner in learners:
        grade(learner, course)
    bad = learners[0]
    with refusing("UPDATE", LearnerCourse, f"NEW.user_id = {bad.pk} AND NEW.reported_passed"):
        report_due()
    passed = set(Statement.objects.filter(kind="passed").values_list("learner_course__user_id", flat=True))
    assert passed == ids(*learners) - ids(bad)
    assert failing() == ids(bad)
    report_due()
    assert Statement.objects.filter(kind="passed").count() == LEARNERS


def test_all_that_is_remembered_is_written_row_by_row(course: Any, learners: list[Any], settings: Any) -> None:
    """When the learner has to be looked at again, both percents, and when a completion was told, among it."""
    settings.PERCIPIO_COMPLETED_ON = "certificate"
    for learner in learners:
        complete(learner, course, 0)
        generate_course_certificate(
            learner, course, "downloadable", "verified", course_grade="0.9", generation_mode="batch"
        )
    CourseOverview.objects.update(
        certificates_display_behavior="end_with_date", certificate_available_date=timezone.now() + timedelta(days=40)
    )
    bad = learners[3]
    with refusing("UPDATE", LearnerCourse, f"NEW.user_id = {bad.pk} AND NEW.observe_again_at IS NOT NULL"):
        report_due()
    assert failing() == ids(bad)
    seen = ("reported_percent", "percent_seen", "percent_unlocked_seen")
    others = LearnerCourse.objects.exclude(user_id=bad.pk)
    assert list(others.values_list(*seen)) == [(25, 25, 25)] * (LEARNERS - 1)
    assert others.filter(observe_again_at__gt=timezone.now()).count() == LEARNERS - 1
    row = LearnerCourse.objects.filter(user_id=bad.pk)
    assert row.values_list(*seen, "observe_again_at").get() == (0, None, None, None)
    CourseOverview.objects.update(certificates_display_behavior="early_no_info")
    for learner in learners:
        notice(learner, course)
    with refusing("UPDATE", LearnerCourse, f"NEW.user_id = {bad.pk} AND NEW.reported_turned_at IS NOT NULL"):
        report_due()
    assert failing() == ids(bad)
    assert others.filter(reported_completed=True, reported_turned_at__isnull=False, observe_again_at=None).count() == 7
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        report_due()
    assert row_of(bad).reported_turned_at is not None
    assert failing() == set()


def test_a_learners_row_that_cannot_be_made(learners: list[Any]) -> None:
    with refusing("INSERT", LearnerCourse, f"NEW.user_id = {learners[2].pk}"):
        report_due()
        assert reported() == ids(*learners) - ids(learners[2])
        assert failing() == ids(learners[2])
    report_due()
    assert reported() == ids(*learners)


def test_a_learners_row_that_is_passed_over_in_silence(learners: list[Any]) -> None:
    """As where another row has its registration: the INSERT that ignores what is there ignores this, too."""
    registration = registration_for(config.lms_root(), learners[2].pk, KEY)
    LearnerCourse.objects.create(user_id=10**9, course_key="other", site_id=1, registration=registration)
    report_due()
    assert reported() == ids(*learners) - ids(learners[2])
    assert failing() == ids(learners[2])
    assert not LearnerCourse.objects.exclude(lease=None).exists()
    LearnerCourse.objects.filter(user_id=10**9).delete()
    report_due()
    assert reported() == ids(*learners)


def test_a_destination_that_cannot_be_made(learners: list[Any], settings: Any) -> None:
    settings.PERCIPIO_ORGANIZATION_FROM = "sso:org"
    for learner in learners:
        said = {"org": "odd" if learner is learners[0] else "acme"}
        UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=learner.username, extra_data=said)
    with refusing("INSERT", Destination, "NEW.organization = 'odd'"):
        report_due()
    assert reported() == ids(*learners) - ids(learners[0])
    assert failing() == ids(learners[0])
    report_due()
    assert reported() == ids(*learners)


def test_a_failure_that_cannot_be_kept_keeps_the_notice(learners: list[Any]) -> None:
    """Or nobody would ever come back to the learner."""
    bad = learners[4]
    with (
        refusing("INSERT", ObservationFailure, f"NEW.user_id = {bad.pk}"),
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(milestones, "due", _raising(ValueError(CANARY)))
        report_due()
        assert failing() == ids(*learners) - ids(bad)
        assert set(Notice.objects.values_list("user_id", flat=True)) == ids(bad)
    report_due()
    assert reported() == ids(*learners)


def test_a_lease_from_a_clock_that_was_wrong_holds_nobody(learners: list[Any]) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        facts.claim(1, KEY, [learners[0].pk], timezone.now())
    report_due()
    assert reported() == ids(*learners)


def test_a_notice_from_a_clock_that_was_wrong_is_due(course: Any, learners: list[Any], settings: Any) -> None:
    settings.PERCIPIO_OBSERVE_AFTER = 30
    report_due()
    Notice.objects.all().delete()
    grade(learners[0], course)
    Notice.objects.update(noticed_at=timezone.now() + timedelta(days=30))
    reported_now = report_due()
    assert reported() == ids(learners[0])
    assert reported_now.next_at is None


def test_a_failure_from_a_clock_that_was_wrong_is_tried_again(learners: list[Any]) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        for _ in range(3):
            failures.note_course(KEY, "OSError")
    report_due()
    assert reported() == ids(*learners)
    assert failing() == set()


# --- what a column holds ---------------------------------------------------------------------------------------------


class Wordy(PipelineStep):
    """A site's step whose verb is as long as an address may be, for one learner."""

    target = ""

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        if self.target in str(transformer.event["data"]["learner"]):
            result.id = "https://example.com/" + "v" * 1900
        return {"result": result}


def test_a_verb_beyond_its_column(learners: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody refused it by name, it is set aside if the database refuses the row; SQLite takes any length."""
    monkeypatch.setattr(Wordy, "target", learners[5].email)
    monkeypatch.setattr(build, "LONGEST_VERB", 10**6)
    settings.OPEN_EDX_FILTERS_CONFIG = {VERB_FILTER: {"pipeline": [f"{__name__}.Wordy"], "fail_silently": False}}
    report_due()
    if connection.vendor == "sqlite":
        assert reported() == ids(*learners)
        return
    assert reported() == ids(*learners) - ids(learners[5])
    assert ObservationFailure.objects.get().reason == "DataError"


@pytest.mark.parametrize("is_asked_before", [True, False])
def test_an_organization_beyond_its_column(
    learners: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch, is_asked_before: bool
) -> None:
    settings.PERCIPIO_ORGANIZATION_FROM = "sso:org"
    for learner in learners:
        said = {"org": "x" * 129 if learner is learners[1] else "acme"}
        UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=learner.username, extra_data=said)
    if not is_asked_before:
        monkeypatch.setattr(config, "is_identifier", lambda _: True)
    report_due()
    if not is_asked_before and connection.vendor == "sqlite":
        assert reported() == ids(*learners)
        return
    assert reported() == ids(*learners) - ids(learners[1])
    assert failing() == (set() if is_asked_before else ids(learners[1]))


def test_the_reason_of_a_failure_always_fits(course: Any) -> None:
    odd = type("Ä😀" * 300, (Exception,), {})()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("percipio_openedx.reporting.facts.edx_platform.course", _raising(odd))
        notice(a_learner(), course)
        report_due()
    failure = ObservationFailure.objects.get()
    assert (failure.course_key, len(failure.reason)) == (KEY, 255)
    for part in Part:
        failures.note("course-v1:" + "x" * 300, {1: "OSError"}, part)
    assert ObservationFailure.objects.count() == 3


def _raising(error: Exception) -> Any:
    def course(*_: Any) -> Any:
        raise error

    return course


def test_all_that_is_remembered_of_progress_fits(course: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many completions there are, and whatever the platform calls the version of an outline."""
    learner = a_learner()
    enrolled(learner, course)
    complete(learner, course, 0)
    row = LearnerCourse(
        user_id=learner.pk, course_key=KEY, site_id=1, registration="00000000-0000-4000-8000-000000000000"
    )
    monkeypatch.setattr("percipio_openedx.edx_platform.course_facts.outline_version", lambda _: "v" * 5000)
    found = examine(config.for_site(1), KEY, CourseBook().get(KEY), {learner.pk: row}, timezone.now())
    longest = LearnerCourse._meta.get_field("activity_version").max_length
    assert found[0].row.percent_seen == 25
    assert len(found[0].row.activity_version) + len(str(10**12)) < longest
