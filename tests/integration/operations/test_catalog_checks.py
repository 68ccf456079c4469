"""What the doctor says of the catalog: what is held back, what is missing, and what nobody has given yet."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import Account, CourseOverride, PercipioConfiguration
from percipio_openedx.operations import doctor, reach, status
from percipio_openedx.operations.checks import CheckResult
from percipio_openedx.operations.course_checks import catalogs
from tests.integration.builders import a_course, a_learner, enrolled
from tests.integration.catalog.overviews import an_overview

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reporting")]

WELL, NEXT = "course-v1:A+One+R", "course-v1:A+One+R2"


@pytest.fixture(autouse=True)
def site(settings: Any) -> Any:
    settings.PERCIPIO_CATALOG = "chosen"
    settings.PERCIPIO_CATALOG_PUSH = True
    settings.PERCIPIO_ORGANIZATION_ID = "org-7"
    return settings


def checks() -> list[CheckResult]:
    return list(catalogs(status.take(timezone.now()), reach.courses_by_site))


def said() -> list[tuple[str, str]]:
    found = checks()
    assert all(bool(one.fix) is (one.verdict in ("doubtful", "wrong")) for one in found)
    assert {one.name for one in found} <= {"catalog of example.com"}
    return [(one.verdict.value, one.seen) for one in found]


def offered(key: str, offer: str = "offered", **fields: Any) -> None:
    an_overview(key, **fields)
    CourseOverride.objects.create(course_key=key, offer=offer)


def test_all_is_well() -> None:
    offered(WELL)
    an_overview(NEXT)
    assert said() == [("well", "1 item is offered")]


def test_a_site_without_a_catalog_is_told_what_that_means(site: Any) -> None:
    site.PERCIPIO_CATALOG = ""
    ((verdict, seen),) = said()
    assert (verdict, "PERCIPIO_CATALOG" in seen) == ("skipped", True)


def test_nothing_is_offered() -> None:
    an_overview(WELL)
    assert said() == [("doubtful", "nothing is offered")]


def test_items_that_are_held_back_are_counted_by_what_they_lack() -> None:
    offered(WELL)
    for number in range(3):
        offered(f"course-v1:A+Odd{number}+R", effort="ask us", language="" if number else "en")
    assert said() == [
        ("doubtful", "3 items are held back, such as course:A+Odd0"),
        ("doubtful", "2 items are held back, such as course:A+Odd1"),
    ]
    assert ["PERCIPIO_CATALOG_DURATION" in one.fix for one in checks()] == [True, False]


def test_what_is_reported_and_not_in_the_catalog_is_named(site: Any) -> None:
    offered(WELL)
    learner = a_learner()
    for key in ("course-v1:A+Two+R", "course-v1:A+Three+R", NEXT):
        enrolled(learner, a_course(key, units=1, display_name=key))
        edx_platform.course(key)
    CourseOverride.objects.create(course_key="course:A+Three", is_reported=False)
    said_of_it = "1 course run is reported and not in the catalog, so Percipio can show nothing of it: "
    # Another run of the course that is offered is the same item.
    assert said() == [("doubtful", said_of_it + "course-v1:A+Two+R")]
    site.PERCIPIO_COURSES = "catalog"
    assert said() == [("well", "1 item is offered")]


def test_a_missing_organization_is_said_before_anything_is_tried(site: Any) -> None:
    site.PERCIPIO_ORGANIZATION_ID = ""
    offered(WELL)
    missing = "there is no organization id, and the catalog's address needs one"
    assert said() == [("wrong", missing), ("well", "1 item is offered")]
    site.PERCIPIO_CATALOG_PUSH = False
    (verdict, seen), _offered = said()
    assert (verdict, "PERCIPIO_CATALOG_PUSH" in seen, missing in seen) == ("skipped", True, True)


def test_each_account_has_an_organization_of_its_own() -> None:
    offered(WELL)
    for name, organization in (("birch", "org-8"), ("cedar", "")):
        own = {"client_id": name, "client_secret": "secret", "partner_name": name, "organization_id": organization}
        Account.objects.create(site_id=1, name=name, region="us", learners=f"sso:{name}", enabled=True, **own)
    wrong = [one.name for one in checks() if one.verdict == "wrong"]
    assert wrong == ["catalog of example.com, account cedar"]


def test_a_catalog_without_credentials_is_examined_too(site: Any) -> None:
    site.PERCIPIO_CLIENT_ID = site.PERCIPIO_CLIENT_SECRET = site.PERCIPIO_PARTNER_NAME = ""
    enrolled(a_learner(), a_course("course-v1:A+Two+R", units=1))
    offered(WELL)
    assert said() == [("well", "1 item is offered")]


def test_what_is_off_or_mistaken_is_said_elsewhere(site: Any) -> None:
    site.PERCIPIO_CATALOG = "some"
    assert said() == []
    site.PERCIPIO_CATALOG = "chosen"
    PercipioConfiguration.objects.create(site_id=1, enabled=False)
    assert said() == []


def test_an_lms_that_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise PlatformUnavailable("the list of courses")

    monkeypatch.setattr(edx_platform, "course_runs", broken)
    found = {one.name: (one.verdict.value, one.seen) for one in doctor.examine()}
    assert found["catalog of example.com"] == ("doubtful", "the list of courses is not available in this LMS")
    # What follows is examined all the same.
    assert found["connection of example.com"][0] == "skipped"
