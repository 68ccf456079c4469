"""``percipio_export``: completions as files, of those alone whom the site reports, and as it names them."""

from __future__ import annotations

import csv
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.contrib.auth import get_user_model
from lms.djangoapps.grades.models import PersistentCourseGrade
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from social_django.models import UserSocialAuth

from percipio_openedx import edx_platform
from percipio_openedx.models import CourseOverride, LearnerCourse, Notice, Statement
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.reporting import report_due
from tests.integration.builders import KEY, a_course, a_learner, block, enrolled, progress_asked

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

Manage = Callable[..., Any]
LISTS = ("--category-type", "Compliance", "--asset-type", "Course", "--status", "Completed")
PASSED_AT = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
HEAD = [
    *("Email Address", "Asset Title", "Category Type", "Completion Date", "Total Learning Hours", "Source Name"),
    *("Asset Type", "Status"),
]
AMINA = ["amina@example.com", "Cloud Foundations", "Compliance", "2026-03-31", "900", "Academy", "Course", "Completed"]


def passed(learner: Any, course: Any) -> Any:
    """An enrolled learner whom the LMS has passed."""
    enrolled(learner, course)
    PersistentCourseGrade.objects.create(
        user_id=learner.pk, course_id=course, percent_grade=0.9, letter_grade="Pass", passed_timestamp=PASSED_AT
    )
    return learner


@pytest.fixture
def course(settings: Any) -> Any:
    settings.PLATFORM_NAME = "Academy"
    settings.PERCIPIO_LEARNERS = "all"
    settings.PERCIPIO_CATALOG_DURATION = 900
    made = a_course()
    CourseOverview.get_from_id(made)
    return made


def exported(manage: Manage, folder: Path, *arguments: str) -> tuple[Any, list[list[list[str]]]]:
    ran = manage("percipio_export", "completions", str(folder), *LISTS, *arguments)
    files = [list(csv.reader(path.read_text(encoding="utf-8").splitlines())) for path in sorted(folder.glob("*.csv"))]
    return ran, files


def test_what_is_due_is_exported_before_there_are_credentials(manage: Manage, course: Any, tmp_path: Path) -> None:
    passed(a_learner(), course)
    enrolled(a_learner("ben"), course)
    ran, files = exported(manage, tmp_path)
    assert (ran.code, ran.lines) == (0, [f"1 completion in {tmp_path}/completions-1.csv"])
    assert files == [[HEAD, AMINA]]
    assert stat.S_IMODE((tmp_path / "completions-1.csv").stat().st_mode) == 0o600
    # Nothing is stored.
    assert not LearnerCourse.objects.exists()
    assert not Statement.objects.exists()


@pytest.mark.usefixtures("reporting")
@pytest.mark.parametrize("pruned", [False, True])
def test_what_was_reported_is_exported_as_it_was(manage: Manage, course: Any, tmp_path: Path, pruned: bool) -> None:
    learner = passed(a_learner(), course)
    Notice.objects.create(user_id=learner.pk, course_key=KEY, reason=Reason.GRADE, noticed_at=PASSED_AT)
    report_due()
    assert LearnerCourse.objects.get().reported_completed
    if pruned:
        Statement.objects.all().delete()
    else:
        # The LMS regrades; what was reported stands.
        PersistentCourseGrade.objects.update(letter_grade="", percent_grade=0.1)
    before = LearnerCourse.objects.values().get()
    ran, files = exported(manage, tmp_path)
    assert (ran.code, files) == (0, [[HEAD, AMINA]])
    assert LearnerCourse.objects.values().get() == before


@pytest.mark.usefixtures("reporting")
def test_a_completion_that_is_taken_back_is_not_exported(
    manage: Manage, course: Any, tmp_path: Path, settings: Any
) -> None:
    settings.PERCIPIO_UNDONE = "retract"
    learner = passed(a_learner(), course)
    Notice.objects.create(user_id=learner.pk, course_key=KEY, reason=Reason.GRADE, noticed_at=PASSED_AT)
    report_due()
    PersistentCourseGrade.objects.update(letter_grade="", percent_grade=0.1)
    ran, files = exported(manage, tmp_path)
    assert (ran.code, files) == (0, [])


def test_nobody_is_exported_whom_the_site_does_not_report(
    manage: Manage, course: Any, tmp_path: Path, settings: Any
) -> None:
    settings.PERCIPIO_LEARNERS = "sso:acme"
    passed(a_learner("ben"), course)
    amina, gone = passed(a_learner(), course), passed(a_learner("gone"), course)
    for learner in (amina, gone):
        UserSocialAuth.objects.create(user=learner, provider="acme", uid=f"acme-{learner.username}")
    get_user_model().objects.filter(pk=gone.pk).update(is_active=False)
    ran, files = exported(manage, tmp_path)
    assert files == [[HEAD, AMINA]]
    assert ran.lines[1:] == [
        "left out: 1 learner in a course: The account is not active. Activate it, and the next activity is reported "
        "with the rest.",
        "left out: 1 learner in a course: Only learners of one single-sign-on provider are reported; this one is none "
        "of them.",
    ]


@pytest.mark.parametrize(
    ("rule", "is_asked"), [("passed", False), ("certificate", False), ("progress", True), ("any", True)]
)
def test_the_platform_is_asked_for_the_progress_only_where_it_decides(
    manage: Manage,
    course: Any,
    tmp_path: Path,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    rule: str,
    is_asked: bool,
) -> None:
    settings.PERCIPIO_COMPLETED_ON = rule
    learner = a_learner()
    enrolled(learner, course)
    for number in range(10):
        BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, number), completion=1.0)
    asked = progress_asked(monkeypatch)
    ran, files = exported(manage, tmp_path)
    assert (ran.code, bool(asked), bool(files)) == (0, is_asked, is_asked)
    assert ran.lines[1:] == []


def test_a_course_that_is_left_out_is_not_exported(manage: Manage, course: Any, tmp_path: Path) -> None:
    passed(a_learner(), course)
    CourseOverride.objects.create(course_key=KEY, is_reported=False)
    assert exported(manage, tmp_path)[1] == []


@pytest.mark.parametrize(
    ("rule", "column", "cell"),
    [("username", "Login Name", "amina"), ("sso_uid", "External User ID", "acme-amina")],
)
def test_a_learner_is_named_as_the_site_names_learners(
    manage: Manage, course: Any, tmp_path: Path, settings: Any, rule: str, column: str, cell: str
) -> None:
    settings.PERCIPIO_LEARNER_ID = rule
    UserSocialAuth.objects.create(user=passed(a_learner(), course), provider="acme", uid="acme-amina")
    assert exported(manage, tmp_path)[1] == [[[column, *HEAD[1:]], [cell, *AMINA[1:]]]]


def test_an_id_that_a_spreadsheet_would_run_is_left_out(
    manage: Manage, course: Any, tmp_path: Path, settings: Any
) -> None:
    settings.PERCIPIO_LEARNER_ID = "sso_uid"
    UserSocialAuth.objects.create(user=passed(a_learner(), course), provider="acme", uid="=HYPERLINK(1)")
    ran, files = exported(manage, tmp_path)
    assert (ran.code, files) == (1, [])
    assert "begins like a formula" in ran.out


def test_the_title_is_the_catalog_s_and_no_formula(manage: Manage, course: Any, tmp_path: Path) -> None:
    CourseOverride.objects.create(course_key=KEY, title="=Clouds", duration=60)
    passed(a_learner(), course)
    (rows,) = exported(manage, tmp_path)[1]
    assert rows[1] == [AMINA[0], "'=Clouds", AMINA[2], AMINA[3], "60", *AMINA[5:]]


def test_without_any_time_a_row_would_be_refused(manage: Manage, course: Any, tmp_path: Path, settings: Any) -> None:
    settings.PERCIPIO_CATALOG_DURATION = 0
    passed(a_learner(), course)
    ran, files = exported(manage, tmp_path)
    assert (ran.code, files) == (1, [])
    assert "Neither the time on task nor the course's duration is known." in ran.out


def test_each_organization_has_files_of_its_own(manage: Manage, course: Any, tmp_path: Path, settings: Any) -> None:
    settings.PERCIPIO_ORGANIZATION_FROM = "sso:org"
    for name in ("amina", "ben"):
        UserSocialAuth.objects.create(
            user=passed(a_learner(name), course), provider="acme", uid=name, extra_data={"org": f"org-{name}"}
        )
    ran, files = exported(manage, tmp_path)
    assert [[row[0] for row in rows[1:]] for rows in files] == [["amina@example.com"], ["ben@example.com"]]
    assert [line.strip() for line in ran.lines[1::2]] == [
        "for the organization org-amina",
        "for the organization org-ben",
    ]


def test_a_template_is_filled_and_what_it_lacks_is_said(manage: Manage, course: Any, tmp_path: Path) -> None:
    passed(a_learner(), course)
    names = ["STATUS", "asset_title", "Email", *HEAD[2:7], "Notes"]
    template = tmp_path / "template"
    template.write_text(",".join(names), encoding="utf-8")
    ran, files = exported(manage, tmp_path, "--template", str(template), "--date-format", "%d.%m.%Y")
    assert "left empty: Notes" in ran.err
    assert files == [
        [names, ["Completed", AMINA[1], AMINA[0], "Compliance", "31.03.2026", "900", "Academy", "Course", ""]]
    ]
    template.write_text("Email,Status", encoding="utf-8")
    ran = manage("percipio_export", "completions", str(tmp_path), *LISTS, "--template", str(template))
    assert ran.code == 2
    assert "the template has no column for what is mandatory: Asset Title" in ran.err


def test_no_file_is_written_over(manage: Manage, course: Any, tmp_path: Path) -> None:
    passed(a_learner(), course)
    assert exported(manage, tmp_path)[0].code == 0
    ran, _files = exported(manage, tmp_path)
    assert ran.code == 2
    assert "completions-1.csv: File exists" in ran.err


def test_a_course_that_cannot_be_read_spoils_no_other(
    manage: Manage, course: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed(a_learner(), course)
    other = a_course("course-v1:DemoX+Broken+2026")
    passed(a_learner("ben"), other)
    read = edx_platform.course

    def reading(course_key: str) -> Any:
        if course_key != KEY:
            raise ValueError("amina@example.com")
        return read(course_key)

    monkeypatch.setattr(edx_platform, "course", reading)
    ran, files = exported(manage, tmp_path)
    assert (ran.code, files) == (1, [[HEAD, AMINA]])
    assert ran.lines[-1] == "left out: Cloud Foundations (course-v1:DemoX+Broken+2026): ValueError"


def test_json(manage: Manage, course: Any, tmp_path: Path) -> None:
    passed(a_learner(), course)
    (found,) = manage("percipio_export", "--json", "completions", str(tmp_path), *LISTS).documents
    assert found == {
        "files": [{"organization": "", "completions": 1, "files": [f"{tmp_path}/completions-1.csv"]}],
        "held": {},
        "failed_courses": {},
    }
