"""The catalog of a site: which runs, what is decided about them, and what it costs to read them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from percipio_openedx import config, edx_platform
from percipio_openedx.catalog import compare
from percipio_openedx.data import CourseRun
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models import CourseOverride, LearnerCourse, PercipioConfiguration, Statement
from percipio_openedx.models.catalog import OverrideBook
from percipio_openedx.reporting import report_due
from tests.integration.builders import KEY, a_course, a_learner, a_site, enrolled
from tests.integration.catalog.overviews import an_overview, overviews

pytestmark = pytest.mark.django_db


def catalog(site_id: int = 1) -> list[dict[str, Any]]:
    rules = config.catalog_for(site_id)
    assert rules is not None
    return [record.document() for _item, record in compare.catalog(rules, timezone.now())]


@pytest.fixture(autouse=True)
def chosen(settings: Any) -> Any:
    """A site that chooses its courses, before it has credentials."""
    settings.PERCIPIO_CATALOG = "chosen"
    settings.LMS_ROOT_URL = "https://lms.example.com"
    return settings


def test_what_the_lms_says_of_a_course_run() -> None:
    start = timezone.now()
    an_overview("course-v1:A+C+R", start=start, invitation_only=True, catalog_visibility="about", effort=None)
    an_overview("Old/Course/Run", visible_to_staff_only=True, display_name=None, language=None)
    assert edx_platform.course_runs() == [
        CourseRun("Old/Course/Run", "Old", "Course", "Run", "Old", is_visible=False, is_hidden=True, **SAID),
        CourseRun(
            *("course-v1:A+C+R", "A", "C", "R", "A", "Course R", "Short.", "en", "", "/a.jpg", start),
            is_visible=False,
            invitation_only=True,
        ),
    ]
    assert [run.key for run in edx_platform.course_runs(["course-v1:A+C+R", "course-v1:A+C+other"])] == [
        "course-v1:A+C+R"
    ]


SAID = {"description": "Short.", "effort": "3", "image": "/a.jpg"}


def test_chosen_courses_are_the_catalog(chosen: Any) -> None:
    an_overview("course-v1:A+One+R1", end=timezone.now() - timedelta(days=1), display_name="Old one")
    an_overview("course-v1:A+One+R2", display_name="New one")
    an_overview("course-v1:A+Two+R")
    CourseOverride.objects.create(course_key="course:A+One", offer="offered", tags="cloud")
    assert catalog() == [
        {
            "content_id": "course:A+One",
            "title": "New one",
            "type": "COURSE",
            "duration": 10800,
            "language": "en",
            "url": "https://lms.example.com/percipio/launch/course%3AA%2BOne",
            "description": "Short.",
            "tags": ["cloud"],
            "thumbnail_url": "https://lms.example.com/a.jpg",
            "author": "A",
        }
    ]
    chosen.PERCIPIO_CONTENT_ID = "course_run"
    assert [one["content_id"] for one in catalog()] == ["course-v1:A+One+R1", "course-v1:A+One+R2"]


def test_all_that_the_lms_shows_is_the_catalog(chosen: Any) -> None:
    chosen.PERCIPIO_CATALOG = "all visible"
    an_overview("course-v1:A+Seen+R")
    an_overview("course-v1:A+About+R", catalog_visibility="about")
    an_overview("course-v1:A+Staff+R", visible_to_staff_only=True)
    an_overview("course-v1:A+Gone+R")
    CourseOverride.objects.create(course_key="course-v1:A+Gone+R", offer="withdrawn")
    CourseOverride.objects.create(course_key="course:A+About", offer="offered")
    assert [one["content_id"] for one in catalog()] == ["course:A+About", "course:A+Seen"]


def test_each_site_has_its_own_courses(chosen: Any) -> None:
    chosen.PERCIPIO_CATALOG = "all visible"
    site = a_site("academy.example", "AcademyX")
    an_overview("course-v1:AcademyX+C+R")
    an_overview("course-v1:Other+C+R")
    assert [one["content_id"] for one in catalog()] == ["course:Other+C"]
    assert [one["content_id"] for one in catalog(site.pk)] == ["course:AcademyX+C"]


def test_a_run_s_override_takes_what_it_leaves_empty_from_its_course_s() -> None:
    general = {"content_id": "ext-1", "offer": "offered", "title": "T", "duration": 60, "is_reported": False}
    CourseOverride.objects.create(course_key="course:A+C", **general)
    CourseOverride.objects.create(course_key="course-v1:A+C+R", title="Mine", offer="withdrawn")
    book = OverrideBook()
    mine = book.of("course-v1:A+C+R")
    assert mine is not None
    assert {name: getattr(mine, name) for name in general} == {
        "content_id": "ext-1",
        "offer": "withdrawn",
        "title": "Mine",
        "duration": 60,
        "is_reported": True,
    }
    for key in ("course-v1:A+C+other", "ccx-v1:A+C+R+ccx@1", "A/C/R"):
        other = OverrideBook([key]).of(key)
        assert other is not None and other.content_id == "ext-1"
    assert book.of("course-v1:A+D+R") is None


@pytest.mark.parametrize("count", [10, 1000])
def test_the_queries_do_not_grow_with_the_runs(chosen: Any, count: int) -> None:
    chosen.PERCIPIO_CATALOG = "all visible"
    overviews(count)
    CourseOverride.objects.bulk_create(
        CourseOverride(course_key=f"course:Org1+C{number}", tags="x") for number in range(count)
    )
    rules = config.catalog_for(1)
    assert rules is not None
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert len(compare.catalog(rules, timezone.now())) == count
    assert len(captured) == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PERCIPIO_CATALOG", "some"),
        ("PERCIPIO_COURSES", "some"),
        ("PERCIPIO_CATALOG_TYPE", ""),
        ("PERCIPIO_CATALOG_DURATION", -1),
        ("PERCIPIO_CATALOG_DURATION", "an hour"),
        ("PERCIPIO_CATALOG_LANGUAGE", "Klingon"),
    ],
)
def test_a_wrong_setting_is_named(chosen: Any, name: str, value: object) -> None:
    setattr(chosen, name, value)
    with pytest.raises(PercipioConfigurationError) as caught:
        config.catalog_for(1)
    assert caught.value.setting == name


def test_only_the_courses_of_no_catalog_is_a_mistake(chosen: Any) -> None:
    chosen.PERCIPIO_CATALOG, chosen.PERCIPIO_COURSES = "", "catalog"
    with pytest.raises(PercipioConfigurationError, match="there is no catalog"):
        config.catalog_for(1)


def test_a_configuration_without_credentials_holds_none(reporting: Any) -> None:
    PercipioConfiguration.objects.create(site_id=1, enabled=True, client_id="own", client_secret="canary-own")
    found = config.without_credentials(1)
    assert found is not None
    assert (found.client_id, found.client_secret.reveal(), found.own_credentials) == ("-", "-", False)
    PercipioConfiguration.objects.create(site_id=1, enabled=False)
    assert config.without_credentials(1) is config.catalog_for(1) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("reporting", "completing", "no_calls")
@pytest.mark.parametrize(
    ("courses", "offer", "hold"),
    [
        ("all", "", ""),
        ("catalog", "", "not_in_catalog"),
        ("catalog", "offered", ""),
        ("catalog", "withdrawn", "not_in_catalog"),
    ],
)
def test_only_the_learners_of_offered_courses_are_reported(chosen: Any, courses: str, offer: str, hold: str) -> None:
    chosen.PERCIPIO_COURSES = courses
    course, learner = a_course(), a_learner()
    if offer:
        CourseOverride.objects.create(course_key=KEY, offer=offer)
    enrolled(learner, course)
    report_due()
    assert LearnerCourse.objects.get().hold_reason == hold
    assert Statement.objects.count() == (0 if hold else 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("reporting", "completing", "no_calls")
def test_a_course_that_is_not_visible_is_not_in_the_catalog_of_all_that_is(chosen: Any) -> None:
    chosen.PERCIPIO_COURSES, chosen.PERCIPIO_CATALOG = "catalog", "all visible"
    course, learner = a_course(), a_learner()
    CourseOverview.get_from_id(CourseKey.from_string(KEY))
    CourseOverview.objects.update(catalog_visibility="none")
    enrolled(learner, course)
    report_due()
    assert LearnerCourse.objects.get().hold_reason == "not_in_catalog"
