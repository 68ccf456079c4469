"""Courses change their site: operators change SITE_ID, organizations move. Nothing is told twice because of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openedx.core.djangoapps.site_configuration.models import SiteConfiguration

from percipio_openedx import edx_platform
from percipio_openedx.admin.overview import headline
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import Destination, ErasureRequest, LearnerCourse, PercipioConfiguration, Statement
from percipio_openedx.models.learner_course import registration_for
from percipio_openedx.models.statement import State
from percipio_openedx.operations import doctor, problems, sites, status
from percipio_openedx.operations.labels import Tone
from percipio_openedx.operations.run import run_once
from percipio_openedx.reporting import report_due
from percipio_openedx.reporting.retirement import erase
from tests.integration.builders import KEY, a_course, a_learner, a_site, enrolled
from tests.integration.test_reporting import grade, notice

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("arriving", "completing", "no_calls"),
]

CREDENTIALS = {"partner_name": "campus", "client_id": "campus-client", "client_secret": "s", "region": "us"}


@pytest.fixture
def learner() -> Any:
    """Somebody of whom *started* has been told at the default site."""
    learner = a_learner()
    enrolled(learner, a_course(units=2))
    report_due()
    return learner


def another_site_id(settings: Any) -> int:
    """What operators of a Tutor site do: SITE_ID named the row example.com."""
    Site.objects.get_or_create(pk=2, defaults={"domain": "lms.example", "name": "lms"})
    settings.SITE_ID = 2
    return 2


def another_organization(settings: Any) -> int:
    """The course's organization gets a site of its own."""
    return int(a_site("campus.example", "DemoX").pk)


Move = Callable[[Any], int]


@pytest.mark.parametrize("move", [another_site_id, another_organization])
@pytest.mark.parametrize("how", ["observe", "backfill"])
def test_nothing_is_told_twice_when_a_courses_site_changes(learner: Any, settings: Any, move: Move, how: str) -> None:
    before = LearnerCourse.objects.get()
    moved_to = move(settings)
    grade(learner, edx_platform.parsed(KEY))
    if how == "backfill":
        call_command("percipio_backfill")
    report_due()
    notice(learner, edx_platform.parsed(KEY))
    report_due()

    row = LearnerCourse.objects.get()
    assert (row.pk, row.registration, row.site_id) == (before.pk, before.registration, moved_to)
    reported = Statement.objects.order_by("id").values_list("kind", "site_id", "destination__site_id")
    assert list(reported) == [("started", 1, 1), ("passed", moved_to, moved_to), ("completed", moved_to, moved_to)]


@pytest.mark.parametrize("move", [another_site_id, another_organization])
def test_what_waited_at_the_former_site_arrives_and_in_order(
    learner: Any, settings: Any, arriving: Any, move: Move
) -> None:
    move(settings)
    grade(learner, edx_platform.parsed(KEY))
    for _ in range(3):
        run_once(budget=10)

    assert set(Statement.objects.values_list("state", flat=True)) == {State.DELIVERED}
    verbs = [statement["verb"]["id"].rpartition("/")[2] for statement in arriving.statements]
    assert verbs == ["initialized", "passed", "completed"]


def test_a_look_that_has_nothing_to_tell_knows_whose_the_course_is_now(learner: Any, settings: Any) -> None:
    moved_to = another_site_id(settings)
    notice(learner, edx_platform.parsed(KEY))
    report_due()

    assert LearnerCourse.objects.get().site_id == moved_to


def test_the_registration_is_never_to_change() -> None:
    """Percipio knows statements by ids that are made of it; no site's number is in it."""
    made = registration_for("https://lms.example.com", 42, "course-v1:DemoX+CS101+2026")

    assert str(made) == "4d8355d8-bec2-5f05-8ce1-1d74ea4097ac"


def test_both_partners_are_asked_to_erase_what_each_was_told(learner: Any, settings: Any) -> None:
    for _ in range(2):
        run_once(budget=10)
    moved_to = another_organization(settings)
    grade(learner, edx_platform.parsed(KEY))
    for _ in range(2):
        run_once(budget=10)
    registration = str(LearnerCourse.objects.get().registration)
    erase(learner.pk)

    asked = ErasureRequest.objects.order_by("site_id").values_list("site_id", "registrations", "statements")
    assert list(asked) == [(1, registration, 1), (moved_to, registration, 2)]


def configured(site: Site, **values: Any) -> None:
    PercipioConfiguration.objects.create(site=site, enabled=True, **CREDENTIALS, **values)


def claimed(*named: Any) -> Site:
    """A configured site whose site configuration says so of its organizations."""
    site = a_site("campus.example")
    SiteConfiguration.objects.filter(site=site).update(site_values={"course_org_filter": named[0]} if named else {})
    configured(site)
    return site


def said_of(site: Site) -> str:
    """The doctor's verdict on a site's configuration."""
    (found,) = doctor.site(site.pk)
    return found.verdict.value


@pytest.mark.parametrize(
    ("make", "has_courses"),
    [
        (lambda: claimed(["CampusX"]), True),
        (lambda: claimed("CampusX"), True),
        (lambda: claimed(), False),
        (lambda: claimed([]), False),
        (lambda: claimed(None), False),
        (lambda: claimed(["", None]), False),
    ],
)
def test_a_configuration_at_a_site_without_courses_is_a_mistake(make: Callable[[], Site], has_courses: bool) -> None:
    site = make()
    snapshot = status.take(timezone.now())

    assert (site.pk not in sites.without_courses()) is has_courses
    assert said_of(site) == ("well" if has_courses else "wrong")
    tone = headline(snapshot.sites[site.pk], problems.find(snapshot), snapshot).tone
    assert tone is (Tone.WELL if has_courses else Tone.ERROR)


def test_the_lms_own_site_beside_site_id_is_named_on_every_page(settings: Any) -> None:
    """The configuration stands at the row that has the LMS's domain, and courses belong to SITE_ID, another row."""
    settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_ID = settings.PERCIPIO_CLIENT_SECRET = ""
    lms = Site.objects.create(domain="lms.acme.example", name="Acme")
    configured(lms)
    learner = a_learner()
    enrolled(learner, a_course(units=2))
    report_due()
    assert not Statement.objects.exists()
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    page = client.get(reverse("admin:percipio_openedx_overview")).content.decode()

    assert said_of(lms) == "wrong"
    assert "All is well" not in page
    assert "no course can belong to this site" in page

    settings.SITE_ID = lms.pk
    assert said_of(lms) == "well"
    call_command("percipio_backfill")
    assert list(Statement.objects.values_list("kind", "site_id")) == [("started", lms.pk)]


def test_a_site_whose_organizations_are_all_another_sites_has_no_courses() -> None:
    first = a_site("first.example", "CampusX")
    second = a_site("second.example", "CampusX")
    for site in (first, second):
        configured(site)

    assert sites.without_courses() == {second.pk}
    PercipioConfiguration.objects.create(site=second, enabled=False)
    assert sites.without_courses() == set()


def test_a_destination_of_a_former_default_site_is_no_mistake(settings: Any) -> None:
    Destination.objects.create(site_id=1)
    another_site_id(settings)

    assert sites.without_courses() == set()


def test_an_lms_that_cannot_be_asked_is_not_taken_for_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise PlatformUnavailable("site_configuration.models.SiteConfiguration")

    site = claimed()
    monkeypatch.setattr(edx_platform, "sites_by_org", broken)

    assert status.take(timezone.now()).sites[site.pk].may_have_courses
    assert said_of(site) == "well"
