"""A site's statements carry its own name and address; the ids do not change with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings as lms
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

from percipio_openedx import config
from percipio_openedx.models import CourseOverride, LearnerCourse, PercipioConfiguration, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import doctor, problems, sites, status
from percipio_openedx.operations.run import run_once
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.preview import preview
from percipio_sandbox import Sandbox
from tests.integration.builders import a_course, a_learner, a_site, enrolled
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import a_client
from tests.integration.test_reporting import grade, notice

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("arriving", "completing", "no_calls")]

OF_B = "course-v1:BrandX+B1+R"
B = {"PLATFORM_NAME": "B Academy", "LMS_ROOT_URL": "https://b.example/"}


def says(site: Site, **values: Any) -> None:
    given = {"course_org_filter": ["BrandX"], **values}
    SiteConfiguration.objects.update_or_create(site=site, defaults={"enabled": True, "site_values": given})


@pytest.fixture
def site(settings: Any) -> Site:
    """A second site, with a name and an address of its own, and Percipio credentials of its own."""
    site = a_site("b.example", "BrandX")
    says(site, **B)
    settings.PERCIPIO_LEARNER_ID = "username"
    credentials = {name: getattr(settings, f"PERCIPIO_{name.upper()}") for name in ("region", "api_url", "token_url")}
    PercipioConfiguration.objects.create(
        site=site, enabled=True, partner_name="brand", client_id="b", client_secret="s", **credentials
    )
    return site


def passed(course_key: str, **course: Any) -> tuple[Any, Any]:
    course, learner = a_course(course_key, units=2, **course), a_learner(course_key.split("+")[1].lower())
    enrolled(learner, course)
    grade(learner, course)
    report_due()
    return course, learner


def bodies(course_key: str) -> list[dict[str, Any]]:
    rows = Statement.objects.filter(course_key=course_key).order_by("id")
    return [json.loads(bytes(row.body)) for row in rows]


def test_two_sites_each_with_its_own_name_and_address(site: Site) -> None:
    CourseOverride.objects.create(course_key=OF_B, content_id="percipio-4711")
    passed("course-v1:DemoX+A1+R", instructors=[{"name": "Ada Alt"}])
    passed(OF_B, instructors=[{"name": "Ben Boe"}])
    first, second = bodies("course-v1:DemoX+A1+R")[0], bodies(OF_B)[0]

    row = Statement.objects.filter(course_key=OF_B).order_by("id")[0]
    course = "https://b.example/courses/course-v1:BrandX+B1+R"
    assert second == {
        "id": str(row.uuid),
        "actor": {
            "objectType": "Agent",
            "name": "Amina Haddad",
            "account": {"homePage": "https://b.example", "name": "b1"},
        },
        "verb": {"id": "http://adlnet.gov/expapi/verbs/initialized", "display": {"en-US": "initialized"}},
        "object": {
            "objectType": "Activity",
            "id": "https://b.example/percipio/launch/percipio-4711",
            "definition": {
                "type": "http://adlnet.gov/expapi/activities/course",
                "name": {"en-US": "Cloud Foundations"},
                "moreInfo": course,
            },
        },
        "context": {
            "registration": str(row.registration),
            "platform": "B Academy",
            "instructor": {
                "objectType": "Agent",
                "name": "Ben Boe",
                "account": {"homePage": "https://b.example", "name": "instructor:ben-boe"},
            },
            "contextActivities": {"grouping": [{"objectType": "Activity", "id": course}]},
        },
        "timestamp": second["timestamp"],
    }
    assert first["actor"]["account"]["homePage"] == "https://academy.demo.local"
    assert first["context"]["platform"] == "Demo Academy"
    for other in Statement.objects.filter(course_key=OF_B):
        for text in (bytes(other.body).decode(), bytes(other.track or b"").decode()):
            assert lms.PLATFORM_NAME not in text
            assert "academy.demo.local" not in text
    for other in Statement.objects.exclude(course_key=OF_B):
        assert b"b.example" not in bytes(other.body) and b"B Academy" not in bytes(other.body)


@pytest.mark.usefixtures("site")
def test_the_track_record_carries_the_sites_own_address(settings: Any) -> None:
    settings.PERCIPIO_API, settings.PERCIPIO_CONTENT_ID = "track", "url"
    passed(OF_B)
    record = json.loads(bytes(Statement.objects.filter(kind="started").get().track or b""))

    assert record == {
        "content_id": "https://b.example/courses/course-v1:BrandX+B1+R",
        "user": "b1",
        "status": "started",
        "event_date": record["event_date"],
        "completion_percentage": 0,
    }


def test_ids_stay_when_a_sites_name_and_address_change(site: Site, arriving: Sandbox) -> None:
    course, learner = passed(OF_B)
    run_once(budget=10)
    before = list(Statement.objects.order_by("id").values_list("uuid", "registration", "body", "state"))
    registration = LearnerCourse.objects.get().registration
    sent = len(arriving.statements)
    assert {state for *_, state in before} == {State.DELIVERED}

    says(site, PLATFORM_NAME="Bee", LMS_ROOT_URL="https://bee.example")
    notice(learner, course)
    run_once(budget=10)
    call_command("percipio_backfill")
    run_once(budget=10)
    assert list(Statement.objects.order_by("id").values_list("uuid", "registration", "body", "state")) == before
    assert (LearnerCourse.objects.get().registration, len(arriving.statements)) == (registration, sent)

    # A database that forgot what was reported makes the very ids again, under the new name.
    Statement.objects.all().delete()
    LearnerCourse.objects.all().delete()
    notice(learner, course)
    report_due()
    again = list(Statement.objects.order_by("id").values_list("uuid", "registration"))
    assert again == [(uuid, kept) for uuid, kept, *_ in before]
    assert {body["context"]["platform"] for body in bodies(OF_B)} == {"Bee"}


def test_what_waits_is_rebuilt_under_the_sites_new_name(site: Site, arriving: Sandbox) -> None:
    arriving.set_scenario("token-refused")
    passed(OF_B)
    run_once(budget=10)
    before = set(Statement.objects.values_list("uuid", flat=True))
    says(site, PLATFORM_NAME="Bee", LMS_ROOT_URL="https://bee.example")
    arriving.set_scenario("ok")
    call_command("percipio_retry", "--now")
    for _ in range(3):
        run_once(budget=10)

    assert set(Statement.objects.values_list("uuid", "state")) == {(uuid, State.DELIVERED) for uuid in before}
    assert {one["context"]["platform"] for one in arriving.statements} == {"Bee"}
    assert {one["actor"]["account"]["homePage"] for one in arriving.statements} == {"https://bee.example"}


def test_an_organization_that_no_site_claims_has_the_name_of_the_default_site() -> None:
    default = Site.objects.get(pk=1)
    SiteConfiguration.objects.create(site=default, enabled=True, site_values={"PLATFORM_NAME": "The default"})
    passed("course-v1:NobodyX+N1+R")
    assert bodies("course-v1:NobodyX+N1+R")[0]["context"]["platform"] == "The default"

    SiteConfiguration.objects.update(enabled=False)
    learner = a_learner("n2")
    enrolled(learner, a_course("course-v1:NobodyX+N2+R", units=2))
    (due,) = preview(learner.pk, "course-v1:NobodyX+N2+R").statements
    assert json.loads(due[1].body)["context"]["platform"] == "Demo Academy"


def test_the_doctor_names_the_site_and_the_key_that_cannot_be_used(site: Site) -> None:
    says(site, PLATFORM_NAME=["B"], LMS_ROOT_URL="b.example")
    passed(OF_B)
    (found,) = (one for one in problems.find(status.take(timezone.now())) if one.site_id == site.pk)

    assert (found.code, found.severity, found.where) == ("site_values", "warning", "b.example")
    assert "PLATFORM_NAME, LMS_ROOT_URL of the site" in found.sentence
    (check,) = doctor.site(site.pk)
    assert (check.verdict, check.name) == ("doubtful", "configuration of b.example")
    # Reported all the same, with the LMS's own.
    assert bodies(OF_B)[0]["context"]["platform"] == "Demo Academy"


def test_a_pull_client_sees_the_address_of_its_own_site(site: Site, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    passed(OF_B)
    passed("course-v1:DemoX+A1+R")

    def pulled(of: Site) -> set[str]:
        response = Puller(a_client(of.domain, site_id=of.pk)).get(headers={"Host": of.domain})
        return {one["authority"]["account"]["homePage"] for one in json.loads(response.content)["statements"]}

    assert pulled(site) == {"https://b.example"}
    assert pulled(Site.objects.get(pk=1)) == {"https://academy.demo.local"}


@pytest.mark.usefixtures("site")
def test_sites_are_read_in_one_query_however_many() -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as found:
            sites.configurations()
        return len(found)

    one = asked()
    for number in range(3):
        PercipioConfiguration.objects.create(site=a_site(f"{number}.example", f"Org{number}"), enabled=True)
    assert asked() == one
    assert config.site_root(1) == "https://academy.demo.local"
