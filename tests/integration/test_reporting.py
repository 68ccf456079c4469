"""From notices to statements in the outbox: what is reported, what is held back and why, and what a look costs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from completion.models import BlockCompletion
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from lms.djangoapps.certificates.models import GeneratedCertificate
from lms.djangoapps.grades.models import PersistentCourseGrade
from social_django.models import UserSocialAuth

from demo.learning.models import StoredBlock
from percipio_openedx import config, edx_platform
from percipio_openedx.data import Reported
from percipio_openedx.enums import Kind, UnreportedReason
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import (
    CourseOverride,
    LearnerCourse,
    Notice,
    ObservationFailure,
    PercipioConfiguration,
    Statement,
)
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.reporting import due, facts, observe, report_due
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.preview import preview
from percipio_openedx.reporting.retirement import erase
from tests.integration.builders import KEY, a_course, a_learner, a_site, block, enrolled, progress_asked

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("reporting", "completing", "no_calls"),
]


def complete(learner: Any, course: Any, *numbers: int) -> None:
    for number in numbers:
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, number), completion=1.0)


def grade(learner: Any, course: Any, fraction: float = 0.9, passing: bool = True) -> None:
    """A stored grade, as the platform's regrading leaves it."""
    row, _ = PersistentCourseGrade.objects.get_or_create(
        user_id=learner.pk, course_id=course, defaults={"percent_grade": 0.0}
    )
    row.percent_grade, row.letter_grade = fraction, "Pass" if passing else ""
    if passing and row.passed_timestamp is None:
        row.passed_timestamp = timezone.now()
    row.save()
    notice(learner, course)


def notice(learner: Any, course: Any, reason: Reason = Reason.GRADE) -> None:
    Notice.objects.create(
        user_id=learner.pk, course_key=str(course), reason=reason, noticed_at=timezone.now() - timedelta(minutes=5)
    )


def reported(**filters: Any) -> list[tuple[str, str]]:
    return list(Statement.objects.filter(**filters).order_by("id").values_list("kind", "value"))


def hold(learner: Any) -> str:
    return LearnerCourse.objects.get(user_id=learner.pk).hold_reason


def test_a_learners_way_through_a_course() -> None:
    course, learner = a_course(units=4), a_learner()
    enrolled(learner, course)
    assert report_due().statements == 1
    complete(learner, course, 0)
    report_due()
    complete(learner, course, 1, 2)
    report_due()
    grade(learner, course)
    report_due()
    complete(learner, course, 3)
    report_due()

    assert reported() == [
        ("started", ""),
        ("progressed", "25"),
        ("progressed", "75"),
        ("passed", ""),
        ("completed", ""),
    ]
    rows = list(Statement.objects.order_by("id"))
    assert [row.sequence for row in rows] == [1, 2, 3, 4, 5]
    assert [row.stored_at for row in rows] == sorted({row.stored_at for row in rows})
    assert not Notice.objects.exists()


def test_looking_again_makes_nothing_new() -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    grade(learner, course)
    report_due()
    before = list(Statement.objects.values_list("uuid", "body"))
    for _ in range(3):
        notice(learner, course)
        report_due()

    assert list(Statement.objects.values_list("uuid", "body")) == before


def test_a_lost_memory_makes_the_same_ids() -> None:
    """A restored database that forgot what was told builds the very statements again, and keeps one of each."""
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    grade(learner, course)
    report_due()
    before = set(Statement.objects.values_list("uuid", flat=True))
    LearnerCourse.objects.update(reported_started=False, reported_passed=False, reported_completed=False)
    notice(learner, course)
    report_due()

    assert set(Statement.objects.values_list("uuid", flat=True)) == before
    Statement.objects.all().delete()
    LearnerCourse.objects.all().delete()
    notice(learner, course)
    report_due()
    assert set(Statement.objects.values_list("uuid", flat=True)) == before


@pytest.mark.parametrize(
    ("locked_units", "expected"),
    [
        (None, [("started", ""), ("progressed", "25"), ("progressed", "50")]),
        ("count", [("started", ""), ("progressed", "25"), ("progressed", "50")]),
        ("leave_out", [("started", ""), ("progressed", "50"), ("completed", "")]),
    ],
)
def test_units_that_are_locked_for_a_learner_count_as_the_site_says(
    settings: Any, locked_units: str | None, expected: list[tuple[str, str]]
) -> None:
    settings.PERCIPIO_COMPLETED_ON = "progress"
    if locked_units is not None:
        settings.PERCIPIO_LOCKED_UNITS = locked_units
    course, learner = a_course(units=4), a_learner()
    StoredBlock.objects.filter(block_type="vertical", position__gte=2).update(gated=True)
    enrolled(learner, course)
    complete(learner, course, 0)
    report_due()
    complete(learner, course, 1)
    report_due()

    assert reported() == expected
    why = {one.kind: (one.why, one.percent) for one in preview(learner.pk, str(course)).unreported}
    assert why.get(Kind.COMPLETED) == (None if locked_units == "leave_out" else (UnreportedReason.UNITS_LOCKED, 50))


def test_the_choice_about_locked_units_holds_for_what_was_seen_before_it(settings: Any) -> None:
    """Both numbers are remembered: the platform need not be asked again, and neither is taken for the other."""
    settings.PERCIPIO_COMPLETED_ON = "progress"
    course, learner = a_course(units=4), a_learner()
    StoredBlock.objects.filter(block_type="vertical", position__gte=2).update(gated=True)
    enrolled(learner, course)
    complete(learner, course, 0, 1)
    report_due()
    assert reported() == [("started", ""), ("progressed", "50")]

    settings.PERCIPIO_LOCKED_UNITS = "leave_out"
    call_command("percipio_backfill")
    assert reported() == [("started", ""), ("progressed", "50"), ("completed", "")]


def test_all_units_without_a_pass_are_told_as_99_percent(settings: Any) -> None:
    course, learner = a_course(units=3), a_learner()
    enrolled(learner, course)
    complete(learner, course, 0, 1, 2)
    for _ in range(2):
        notice(learner, course)
        report_due()
    assert reported() == [("started", ""), ("progressed", "99")]

    grade(learner, course)
    report_due()
    assert reported()[2:] == [("passed", ""), ("completed", "")]


def test_passed_and_failed_again_before_anybody_looked_is_told_as_neither() -> None:
    course, learner = a_course(units=2), a_learner()
    enrolled(learner, course)
    grade(learner, course, 0.9)
    grade(learner, course, 0.3, passing=False)
    report_due()
    assert reported() == [("started", "")]

    grade(learner, course, 0.8)
    report_due()
    assert reported() == [("started", ""), ("passed", ""), ("completed", "")]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda user: get_user_model().objects.filter(pk=user.pk).update(is_active=False), "inactive_account"),
        (lambda user: get_user_model().objects.filter(pk=user.pk).update(email=""), "no_email"),
        (
            lambda user: get_user_model().objects.filter(pk=user.pk).update(email="retired__user_1@retired.invalid"),
            "retired",
        ),
        (lambda user: CourseEnrollment.objects.all().delete(), "not_enrolled"),
        (lambda user: CourseOverride.objects.create(course_key=KEY, is_reported=False), "course_left_out"),
        (
            lambda user: CourseOverride.objects.create(course_key="course:DemoX+CS101", is_reported=False),
            "course_left_out",
        ),
    ],
)
def test_who_is_not_reported_and_why(spoil: Any, reason: str) -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    grade(learner, course)
    spoil(learner)

    assert report_due().held == 1
    assert hold(learner) == reason
    assert reported() == []
    assert not Notice.objects.exists()


def test_an_unenrolled_learners_completion_is_still_reported() -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    grade(learner, course)
    CourseEnrollment.unenroll(learner, course)
    report_due()

    assert [kind for kind, _ in reported()] == ["started", "passed", "completed"]


def test_a_course_that_is_gone_is_held_and_holds_up_nobody() -> None:
    learner = a_learner()
    notice(learner, "course-v1:GoneX+G+1")
    course = a_course()
    enrolled(learner, course)
    report_due()

    assert dict(LearnerCourse.objects.values_list("course_key", "hold_reason")) == {
        "course-v1:GoneX+G+1": "unknown_course",
        KEY: "",
    }


def test_what_was_missed_is_reported_when_the_link_appears(settings: Any) -> None:
    settings.PERCIPIO_LEARNER_ID = "sso:PercipioUserUUID"
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    grade(learner, course)
    report_due()
    assert hold(learner) == "no_sso_link"

    link = UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid="percipio:77")
    report_due()
    report_due()
    assert hold(learner) == "no_sso_value"

    # A later log-in brings what the first did not.
    link.extra_data = {"PercipioUserUUID": ["u-77"]}
    link.save()
    report_due()
    report_due()

    assert [kind for kind, _ in reported()] == ["started", "passed", "completed"]
    actor = json.loads(bytes(Statement.objects.earliest("id").body))["actor"]
    assert actor["account"] == {"homePage": "https://academy.demo.local", "name": "u-77"}


def test_each_site_has_its_own_learners_and_its_own_credentials(settings: Any) -> None:
    campus = a_site("campus.demo.local", "CampusX")
    PercipioConfiguration.objects.create(
        site=campus, enabled=True, partner_name="campus", client_id="campus-client", client_secret="other"
    )
    learner = a_learner()
    for key in (KEY, "course-v1:CampusX+P+1"):
        enrolled(learner, a_course(key))
    report_due()

    sites = dict(Statement.objects.values_list("learner_course__course_key", "site_id"))
    assert sites == {KEY: settings.SITE_ID, "course-v1:CampusX+P+1": campus.pk}
    found = config.for_site(campus.pk)
    assert found is not None
    assert (found.partner, found.client_id, found.client_secret.reveal()) == ("campus", "campus-client", "other")
    assert found.api_url == settings.PERCIPIO_API_URL


def test_a_site_that_is_switched_off_reports_nothing() -> None:
    campus = a_site("campus.demo.local", "CampusX")
    PercipioConfiguration.objects.create(site=campus, enabled=False)
    enrolled(a_learner(), a_course("course-v1:CampusX+P+1"))
    report_due()

    assert not LearnerCourse.objects.exists()
    assert not Notice.objects.exists()


def test_without_a_configuration_no_row_stays(settings: Any) -> None:
    settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_CLIENT_SECRET = ""
    enrolled(a_learner(), a_course())
    report_due()

    assert not Notice.objects.exists()
    assert not LearnerCourse.objects.exists()


def test_a_broken_configuration_loses_nothing(settings: Any) -> None:
    settings.PERCIPIO_COMPLETED_ON = "whenever"
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    assert report_due().has_problem
    assert Notice.objects.count() == 1

    settings.PERCIPIO_COMPLETED_ON = "passed"
    report_due()
    assert reported() == [("started", "")]


def test_trouble_with_the_platform_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    with monkeypatch.context() as broken:
        broken.setattr(edx_platform, "grades", _unavailable)
        assert report_due().has_problem
    assert ObservationFailure.objects.get().user_id == learner.pk
    assert LearnerCourse.objects.get().lease is None

    report_due()
    assert reported() == [("started", "")]
    assert not ObservationFailure.objects.exists()


def test_an_unforeseen_error_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt, learner = "course-v1:DemoX+BAD+1", a_learner()
    for key in (spoilt, KEY):
        enrolled(learner, a_course(key))
    grades = edx_platform.grades

    def sometimes(course_key: str, user_ids: Any) -> Any:
        return 1 // 0 if course_key == spoilt else grades(course_key, user_ids)

    with monkeypatch.context() as broken:
        broken.setattr(edx_platform, "grades", sometimes)
        report_due()
        assert list(Statement.objects.values_list("learner_course__course_key", flat=True)) == [KEY]
        failure = ObservationFailure.objects.get()
        assert (failure.course_key, failure.reason) == (spoilt, "ZeroDivisionError")

    report_due()
    assert Statement.objects.count() == 2


def _unavailable(*_: object) -> Any:
    raise PlatformUnavailable("grades")


def test_a_burst_is_one_look_and_asks_for_one_share(monkeypatch: pytest.MonkeyPatch) -> None:
    course, learner = a_course(units=10), a_learner()
    enrolled(learner, course)
    asked = progress_asked(monkeypatch)
    complete(learner, course, *range(9))

    assert report_due().observed == 1
    assert len(asked) == 1
    assert reported() == [("started", ""), ("progressed", "90")]


def test_unchanged_completions_are_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    course, learner = a_course(units=10), a_learner()
    enrolled(learner, course)
    complete(learner, course, 0)
    asked = progress_asked(monkeypatch)
    # Of a learner alone, what progress depends on is read, and remembered, from the second time on.
    for _ in range(4):
        notice(learner, course)
        report_due()
    assert len(asked) == 2
    complete(learner, course, 1)
    report_due()
    assert len(asked) == 3
    grade(learner, course)
    report_due()
    complete(learner, course, 2)
    report_due()
    assert len(asked) == 3


def test_the_number_of_queries_does_not_grow_with_the_learners() -> None:
    course = a_course()
    counts = []
    # The first pass makes the destination and the ledger.
    for size in (1, 3, 30):
        learners = [a_learner(f"learner{size}-{number}") for number in range(size)]
        for learner in learners:
            enrolled(learner, course)
            grade(learner, course)
        with CaptureQueriesContext(connection) as queries:
            assert report_due().statements == 3 * size
        # SQLite bounds the rows of one INSERT, so only those grow, by the batch.
        counts.append(sum(not query["sql"].startswith("INSERT") for query in queries))

    assert counts[1] == counts[2]


def test_what_is_told_is_kept() -> None:
    course = a_course()
    learners = [a_learner(f"learner{number}") for number in range(4)]
    for learner in learners:
        enrolled(learner, course)
    complete(learners[0], course, 0)
    grade(learners[1], course)
    assert report_due().statements == 7
    kept = LearnerCourse.objects.order_by("user_id")
    assert [(row.reported, row.sequence) for row in kept] == [
        (Reported(started=True, percent=10), 2),
        (Reported(started=True, passed=True, completed=True), 3),
        (Reported(started=True), 1),
        (Reported(started=True), 1),
    ]
    assert [bool(row.activity_version) for row in kept] == [True, False, False, False]
    assert set(kept.values_list("hold_reason", "lease", "leased_until")) == {("", None, None)}
    assert {row.observed_at is None for row in kept} == {False}


def test_what_is_the_same_of_everybody_is_written_at_once_and_alike() -> None:
    course = a_course()
    columns = [field.name for field in LearnerCourse._meta.concrete_fields]
    own = {"id", "user_id", "registration", "observed_at"}
    stored, statements = [], []
    # A class that enrolls, and the same beside a learner who has also passed.
    for number, has_another in enumerate((False, True)):
        learners = [a_learner(f"learner{number}-{place}") for place in range(3)]
        for learner in learners:
            enrolled(learner, course)
        if has_another:
            another = a_learner("another")
            enrolled(another, course)
            grade(another, course)
        with CaptureQueriesContext(connection) as queries:
            report_due()
        table = LearnerCourse._meta.db_table
        upserts = [one for one in queries if one["sql"].startswith("INSERT") and "UPDATE" in one["sql"]]
        statements.append(sum(table in one["sql"] for one in upserts))
        rows = LearnerCourse.objects.filter(user_id__in=[learner.pk for learner in learners])
        stored += [{name: getattr(row, name) for name in columns if name not in own} for row in rows]
    assert statements == [0, 1]
    assert len(stored) == 6
    assert all(one == stored[0] for one in stored)
    assert stored[0]["reported_started"]


def test_a_look_at_many_may_last_longer() -> None:
    now = timezone.now()
    ends = []
    for first, count in ((1, 1), (100, 200)):
        claim = facts.claim(1, KEY, range(first, first + count), now)
        assert len(claim.rows) == count
        ends.append({row.leased_until - now for row in claim.rows.values()})

    assert ends == [{timedelta(seconds=60.6)}, {timedelta(minutes=3)}]


def test_two_looks_never_overlap(reporting: Any) -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    configuration = config.for_site(reporting.SITE_ID)
    assert configuration is not None
    now = timezone.now()
    claim = facts.claim(configuration.site_id, KEY, [learner.pk], now)
    assert set(claim.rows) == {learner.pk}

    observed = observe(configuration, KEY, CourseBook().get(KEY), [learner.pk], now)
    assert observed.busy == {learner.pk}
    assert reported() == []
    # A look that lost its lease settles nothing.
    later = now + facts.LEASE + timedelta(seconds=1)
    assert observe(configuration, KEY, CourseBook().get(KEY), [learner.pk], later).statements == 1
    facts.release(claim.lease)
    assert reported() == [("started", "")]


def test_a_notice_that_comes_during_a_look_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    certificates = edx_platform.certificates

    def meanwhile(course_key: str, user_ids: Any) -> Any:
        found = certificates(course_key, user_ids)
        monkeypatch.setattr(edx_platform, "certificates", certificates)
        grade(learner, course)
        return found

    monkeypatch.setattr(edx_platform, "certificates", meanwhile)
    report_due()
    report_due()
    assert [kind for kind, _ in reported()] == ["started", "passed", "completed"]
    assert not Notice.objects.exists()


def test_a_retired_learner_is_erased() -> None:
    course, learner, other = a_course(), a_learner(), a_learner("bo")
    for user in (learner, other):
        enrolled(user, course)
    report_due()
    notice(learner, "", Reason.RETIREMENT)
    report_due()

    assert list(LearnerCourse.objects.values_list("user_id", flat=True)) == [other.pk]
    assert list(Statement.objects.values_list("learner_course__user_id", flat=True)) == [other.pk]
    assert erase(learner.pk) == 0


def test_a_revoked_certificate_is_retracted_once_and_reissued_anew(settings: Any) -> None:
    settings.PERCIPIO_COMPLETED_ON, settings.PERCIPIO_UNDONE = "certificate", "retract"
    course, learner = a_course(graded=False), a_learner()
    enrolled(learner, course)
    row = GeneratedCertificate.objects.create(user=learner, course_id=course, status="downloadable", mode="honor")
    report_due()
    for status in ("unavailable", "unavailable", "downloadable"):
        row.status = status
        row.save()
        notice(learner, course)
        report_due()

    assert reported() == [("started", ""), ("completed", ""), ("retracted", "completed"), ("completed", "round-1")]
    first, voiding = Statement.objects.get(kind="completed", value=""), Statement.objects.get(kind="retracted")
    assert first.voided_by == voiding.uuid
    assert json.loads(bytes(voiding.body))["object"] == {"objectType": "StatementRef", "id": str(first.uuid)}


def test_a_look_that_finds_nothing_new_writes_only_that_it_was_made() -> None:
    course, learner = a_course(), a_learner()
    enrolled(learner, course)
    report_due()
    before = LearnerCourse.objects.values().get()
    notice(learner, course)
    with CaptureQueriesContext(connection) as asked:
        report_due()

    after = LearnerCourse.objects.values().get()
    assert after.pop("observed_at") > before.pop("observed_at")
    assert after == before
    assert not [query["sql"] for query in asked if "INSERT INTO" in query["sql"]]


def test_what_a_run_beside_has_looked_at_is_not_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    course = a_course()
    for number in range(2):
        learner = a_learner(f"learner{number}")
        enrolled(learner, course)
    read, beside = due.due_groups, []

    def groups(now: Any) -> Any:
        for group in read(now):
            if not beside:
                beside.append(None)
                beside[0] = report_due()
            yield group

    monkeypatch.setattr(due, "due_groups", groups)
    mine = report_due()

    assert (mine.observed, beside[0].observed) == (0, 2)
    assert not Notice.objects.exists()
