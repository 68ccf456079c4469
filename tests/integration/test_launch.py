"""The launch address, as a learner's browser meets it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
from common.djangoapps.course_modes.models import CourseMode
from common.djangoapps.student.models import CourseEnrollment
from common.djangoapps.student.roles import CourseStaffRole
from django.conf import settings as django_settings
from django.contrib.sites.models import Site
from django.db import connection
from django.test import Client
from django.utils import timezone, translation
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lms.djangoapps.courseware import access
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview

from benchmarks.pull import handler_reads
from percipio_openedx import config, edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.launch import views
from percipio_openedx.models import CourseOverride, PercipioConfiguration
from percipio_openedx.statements.content import launch_url
from tests.integration.builders import KEY, a_course, a_learner, a_site, block, enrolled
from tests.integration.test_looking_changes_nothing import everything

pytestmark = pytest.mark.django_db

ID = "course:DemoX+CS101"
MFE = "https://apps.example.com/learning"
HOME = f"{MFE}/course/{KEY}/home"
ABOUT = f"https://lms.example.com/courses/{KEY}/about"
DAY = timedelta(days=1)

Facts = Callable[..., Any]


@pytest.fixture(autouse=True)
def _lms(settings: Any) -> None:
    settings.LEARNING_MICROFRONTEND_URL = MFE
    settings.LMS_ROOT_URL = "https://lms.example.com"


def a_run(key: str = KEY, **facts: Any) -> Any:
    """A course run with an overview as the LMS holds it; times in days from now."""
    course = a_course(key, units=1)
    overview = CourseOverview.get_from_id(course)
    times = ("start", "end", "enrollment_start", "enrollment_end")
    for name, value in facts.items():
        setattr(overview, name, timezone.now() + DAY * value if name in times else value)
    overview.save()
    return course


@pytest.fixture
def learner() -> Any:
    return a_learner()


@pytest.fixture
def browser(learner: Any) -> Client:
    """A browser in which the learner is logged in, and in which CSRF tokens are asked for."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(learner)
    return client


def path(content: str = ID) -> str:
    return launch_url(content, "")


def went(response: Any) -> tuple[int, str]:
    """The status, and where a redirect leads."""
    return response.status_code, response.headers.get("Location", "")


def press(client: Client, content: str = ID, **changes: str) -> Any:
    """Open the page and press its button."""
    page = client.get(path(content))
    assert page.status_code == HTTPStatus.OK, page.content
    token = page.context["csrf_token"]
    form = {"csrfmiddlewaretoken": str(token), "course_key": page.context["run"].key, **changes}
    return client.post(path(content), form)


class TestLogin:
    """Somebody who is not logged in."""

    def test_the_sites_login_comes_back(self) -> None:
        assert went(Client().get(path())) == (302, "/login?next=/percipio/launch/course%253ADemoX%252BCS101/")

    def test_the_identity_providers_hint_stands_in_the_next_address(self, settings: Any) -> None:
        settings.PERCIPIO_LAUNCH_IDP = "saml-okta"
        expected = "/login?next=/percipio/launch/course%253ADemoX%252BCS101/%3Ftpa_hint%3Dsaml-okta"
        assert went(Client().get(path())) == (302, expected)

    def test_a_post_of_a_session_that_has_ended_enrolls_nobody(self) -> None:
        a_run()
        client = Client()
        assert went(client.post(path(), {"course_key": KEY}))[1].startswith("/login?next=")
        assert CourseEnrollment.objects.count() == 0

    def test_nobody_is_told_which_courses_there_are(self) -> None:
        a_run()
        there, not_there = (Client().get(path(one)) for one in (ID, "course:DemoX+NONE"))
        assert (there.status_code, not_there.status_code) == (302, 302)

    def test_the_address_after_the_login_leads_on(self, browser: Client, learner: Any, settings: Any) -> None:
        enrolled(learner, a_run())
        settings.PERCIPIO_LAUNCH_IDP = "saml-okta"
        where = went(Client().get(path()))[1]
        assert went(browser.get(unquote(where.partition("next=")[2]))) == (302, HOME)


class TestEnrolled:
    """A learner who is in a run already."""

    def test_straight_to_the_course(self, browser: Client, learner: Any) -> None:
        enrolled(learner, a_run())
        assert went(browser.get(path())) == (302, HOME)

    def test_to_the_newest_run_that_goes_on(self, browser: Client, learner: Any) -> None:
        for run, start in (("2024", -700), ("2025", -300), ("2026", -3), ("2027", 90)):
            enrolled(learner, a_run(f"course-v1:DemoX+CS101+{run}", start=start))
        CourseEnrollment.unenroll(learner, a_course("course-v1:DemoX+CS101+gone", units=1))
        assert went(browser.get(path())) == (302, HOME)

    def test_a_run_that_was_left_does_not_count(self, browser: Client, learner: Any) -> None:
        course = a_run()
        enrolled(learner, course)
        CourseEnrollment.unenroll(learner, course)
        assert browser.get(path()).status_code == HTTPStatus.OK

    @pytest.mark.parametrize(
        "facts",
        [{"end": -1}, {"enrollment_end": -1}, {"invitation_only": True}, {"visible_to_staff_only": True}],
    )
    def test_whatever_is_closed_to_others(self, browser: Client, learner: Any, facts: dict[str, Any]) -> None:
        course = a_run()
        enrolled(learner, course)
        CourseOverview.objects.filter(pk=course).delete()
        CourseOverview.load_from_module_store(course)
        CourseOverview.objects.filter(pk=course).update(
            **{name: timezone.now() + DAY * one if type(one) is int else one for name, one in facts.items()}
        )
        CourseOverride.objects.create(course_key=ID, is_reported=False)
        assert went(browser.get(path())) == (302, HOME)

    def test_a_post_leads_there_too(self, browser: Client, learner: Any) -> None:
        course = a_run()
        page = browser.get(path())
        enrolled(learner, course)
        form = {"csrfmiddlewaretoken": str(page.context["csrf_token"]), "course_key": KEY}
        assert went(browser.post(path(), form)) == (302, HOME)

    @pytest.mark.parametrize("root", [None, ""])
    def test_the_lms_itself_where_there_is_no_micro_frontend(
        self, browser: Client, learner: Any, settings: Any, root: str | None
    ) -> None:
        settings.LEARNING_MICROFRONTEND_URL = root
        enrolled(learner, a_run())
        expected = f"/courses/{KEY}/" if root is None else f"/course/{KEY}/home"
        assert went(browser.get(path())) == (302, expected)

    def test_a_release_without_that_function(self, browser: Client, learner: Any, settings: Any) -> None:
        del settings.LEARNING_MICROFRONTEND_URL
        enrolled(learner, a_run())
        assert went(browser.get(path())) == (302, f"/courses/{KEY}/")


class TestJoining:
    """A learner who is not in the course yet."""

    def test_a_page_with_one_button(self, browser: Client) -> None:
        a_run(start=-3)
        page = browser.get(path())
        text = page.content.decode()
        assert (page.status_code, text.count("<button"), text.count("<form")) == (200, 1, 1)
        assert "Cloud Foundations" in text
        assert f'href="{ABOUT}"' in text.replace("&amp;", "&")
        assert page.headers["Cache-Control"] == "private, no-store"
        assert page.headers["X-Frame-Options"] == "DENY"

    def test_the_button_enrolls_in_the_default_mode(self, browser: Client, learner: Any) -> None:
        course = a_run(start=-3)
        assert went(press(browser)) == (302, HOME)
        row = CourseEnrollment.objects.get()
        assert (row.user_id, row.course_id, row.mode, row.is_active) == (learner.pk, course, "audit", True)

    def test_without_its_token_nothing_is_pressed(self, browser: Client) -> None:
        a_run()
        browser.get(path())
        assert browser.post(path(), {"course_key": KEY}).status_code == HTTPStatus.FORBIDDEN
        assert CourseEnrollment.objects.count() == 0

    @pytest.mark.parametrize("method", ["get", "head"])
    def test_looking_changes_no_row(self, browser: Client, learner: Any, method: str) -> None:
        a_run()
        a_run("course-v1:DemoX+IN+1")
        enrolled(learner, a_course("course-v1:DemoX+IN+2", units=1))
        # An overview of an older release, which the platform's own function would write anew.
        CourseOverview.objects.filter(pk=KEY).update(version=1)
        before, overview = everything(), CourseOverview.objects.values().get(pk=KEY)
        for content in (ID, "course:DemoX+IN", "course:DemoX+NONE"):
            getattr(browser, method)(path(content))
            getattr(browser, method)(path(content) + "?course_key=" + quote(KEY, safe=""))
        assert (everything(), CourseOverview.objects.values().get(pk=KEY)) == (before, overview)

    @pytest.mark.parametrize("method", ["put", "delete", "patch", "options"])
    def test_other_methods_are_none(self, browser: Client, method: str) -> None:
        browser = Client()
        assert getattr(browser, method)(path()).status_code == HTTPStatus.METHOD_NOT_ALLOWED

    @pytest.mark.parametrize("posted", ["", "course-v1:DemoX+CS101+secret", "course-v1:Other+X+1", "\0"])
    def test_another_run_than_the_one_that_is_shown_is_not_joined(self, browser: Client, posted: str) -> None:
        a_run(start=-3)
        a_run("course-v1:DemoX+CS101+secret", start=-1, visible_to_staff_only=True)
        a_run("course-v1:Other+X+1")
        page = press(browser, course_key=posted)
        assert (page.status_code, page.context["run"].key) == (200, KEY)
        assert CourseEnrollment.objects.count() == 0

    def test_the_about_page_where_the_site_wants_no_button(self, browser: Client, settings: Any) -> None:
        settings.PERCIPIO_LAUNCH_ENROLLS = False
        a_run()
        assert went(browser.get(path())) == (302, ABOUT)
        assert CourseEnrollment.objects.count() == 0

    def test_a_marketing_site(self, browser: Client, settings: Any) -> None:
        settings.PERCIPIO_LAUNCH_ENROLLS = False
        a_run(marketing_url="https://www.example.com/cloud")
        assert went(browser.get(path())) == (302, "https://www.example.com/cloud")

    def test_by_invitation_only(self, browser: Client, learner: Any) -> None:
        course = a_run(invitation_only=True, start=9)
        # The platform hides from others what they can neither join nor open.
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND
        CourseOverview.objects.filter(pk=course).update(start=timezone.now() - DAY)
        assert went(browser.get(path())) == (302, ABOUT)

    def test_full(self, browser: Client) -> None:
        a_run(max_student_enrollments_allowed=0)
        assert went(press(browser)) == (302, ABOUT)
        assert CourseEnrollment.objects.count() == 0

    def test_closed_between_the_page_and_the_button(self, browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        a_run(start=-3)
        monkeypatch.setattr(edx_platform, "may_enroll", lambda _user, _key: True)
        CourseOverview.objects.update(invitation_only=True)
        assert went(press(browser)) == (302, ABOUT)
        assert CourseEnrollment.objects.count() == 0

    @pytest.mark.parametrize(
        ("modes", "is_enrolled", "expected"),
        [
            (("audit", "verified"), True, HOME),
            (("professional",), False, f"/course_modes/choose/{KEY}/"),
            (("honor", "audit"), True, HOME),
            (("verified",), False, f"/course_modes/choose/{KEY}/"),
        ],
    )
    def test_who_has_to_pay_is_not_let_in(
        self,
        browser: Client,
        monkeypatch: pytest.MonkeyPatch,
        modes: tuple[str, ...],
        is_enrolled: bool,
        expected: str,
    ) -> None:
        a_run()
        monkeypatch.setattr(CourseMode, "modes_for_course_dict", classmethod(lambda _cls, _key: dict.fromkeys(modes)))
        assert went(press(browser)) == (302, expected)
        assert CourseEnrollment.objects.exists() is is_enrolled

    def test_staff_come_in_after_enrollment_closed(self, browser: Client, learner: Any) -> None:
        course = a_run(start=-9, enrollment_end=-1)
        CourseStaffRole(course).add_users(learner)
        assert went(press(browser)) == (302, HOME)

    def test_the_run_that_can_be_joined_now(self, browser: Client) -> None:
        for run, facts in (("ended", {"end": -1}), ("next", {"enrollment_start": 9}), ("2026", {"start": -3})):
            a_run(f"course-v1:DemoX+CS101+{run}", **facts)
        assert browser.get(path()).context["run"].key == KEY

    def test_one_that_this_learner_can_join_before_a_newer_one_by_invitation(self, browser: Client) -> None:
        a_run("course-v1:DemoX+CS101+invited", start=-1, invitation_only=True)
        a_run(start=-3)
        assert browser.get(path()).context["run"].key == KEY

    def test_the_best_one_that_the_learner_may_see(self, browser: Client) -> None:
        a_run("course-v1:DemoX+CS101+pilot", start=-1, visible_to_staff_only=True)
        a_run(start=-3)
        assert browser.get(path()).context["run"].key == KEY


@pytest.mark.django_db(transaction=True)
def test_in_an_lms_whose_requests_are_transactions(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production; the platform's enrollment refuses to be inside one."""
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    a_run(start=-3)
    assert went(press(browser)) == (302, HOME)


class TestNotFound:
    """Nothing that can be shown."""

    def test_not_open_yet(self, browser: Client) -> None:
        a_run(start=-3, enrollment_start=9)
        page = browser.get(path())
        assert (page.status_code, page.context["state"]) == (200, "upcoming")
        assert "Enrollment opens on" in page.content.decode()
        assert "<form" not in page.content.decode()

    @pytest.mark.parametrize("facts", [{"end": -1}, {"enrollment_end": -1}])
    def test_closed(self, browser: Client, facts: dict[str, int]) -> None:
        a_run(start=-9, **facts)
        page = browser.get(path())
        assert (page.status_code, page.context["state"]) == (404, "closed")
        assert "ask whoever assigned this one to you" in page.content.decode()

    @pytest.mark.parametrize("content", ["course:DemoX+NONE", "course:DemoX+CS1", "course:DemoX+CS101+2026", KEY, "x"])
    def test_unknown(self, browser: Client, content: str) -> None:
        a_run()
        a_run("course-v1:DemoX+CS1015+1")
        page = browser.get(path(content))
        assert (page.status_code, page.context["state"]) == (404, "unknown")
        assert page.headers["Cache-Control"] == "private, no-store"
        assert "Cloud Foundations" not in page.content.decode()

    def test_only_for_staff(self, browser: Client, learner: Any) -> None:
        course = a_run(visible_to_staff_only=True, start=-3)
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND
        CourseStaffRole(course).add_users(learner)
        assert browser.get(path()).status_code == HTTPStatus.OK

    @pytest.mark.parametrize(("visibility", "status"), [("none", 404), ("about", 200), ("both", 200)])
    def test_what_the_site_hides_of_its_about_pages(
        self, browser: Client, settings: Any, visibility: str, status: int
    ) -> None:
        settings.COURSE_ABOUT_VISIBILITY_PERMISSION = "see_about_page"
        a_run(catalog_visibility=visibility)
        assert browser.get(path()).status_code == status

    @pytest.mark.parametrize("override", [KEY, ID])
    def test_left_out_by_an_operator(self, browser: Client, override: str) -> None:
        a_run()
        CourseOverride.objects.create(course_key=override, is_reported=False)
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND

    def test_switched_off(self, browser: Client, settings: Any) -> None:
        a_run()
        row = PercipioConfiguration(site=Site.objects.get(pk=1), enabled=False)
        row.save()
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND
        assert Client().get(path()).status_code == HTTPStatus.NOT_FOUND
        row.enabled, row.pk = True, None
        row.save()
        assert browser.get(path()).status_code == HTTPStatus.OK
        settings.PERCIPIO_ENABLED = False
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND

    def test_no_page_breaks_with_a_setting_that_is_wrong(self, browser: Client, settings: Any) -> None:
        settings.PERCIPIO_LAUNCH_ENROLLS = "yes"
        page = browser.get(path())
        assert (page.status_code, page.context["state"]) == (503, "unavailable")
        assert page.headers["Cache-Control"] == "private, no-store"

    def test_no_page_breaks_with_the_platform(
        self, browser: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def breaks(*_arguments: Any) -> bool:
            raise RuntimeError("amina@example.com has no such role")

        a_run()
        monkeypatch.setattr(access, "has_access", breaks)
        page = browser.get(path())
        assert (page.status_code, page.context["state"]) == (503, "unavailable")
        assert "amina" not in caplog.text.replace("GET", "")

    def test_a_button_that_breaks_the_platform_leads_to_the_page_that_says_so(
        self, browser: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(*_arguments: Any) -> str:
            raise PlatformUnavailable("student.views.change_enrollment")

        a_run()
        monkeypatch.setattr(edx_platform, "enroll", breaks)
        assert press(browser).status_code == HTTPStatus.SERVICE_UNAVAILABLE


class TestContentIds:
    """Each rule, and operators' own ids."""

    @pytest.mark.parametrize(
        ("rule", "content"),
        [
            ("course", ID),
            ("course_run", KEY),
            ("url", f"https://lms.example.com/courses/{KEY}"),
            ("slug", "DemoX-CS101"),
        ],
    )
    def test_by_the_sites_rule(self, browser: Client, settings: Any, rule: str, content: str) -> None:
        settings.PERCIPIO_CONTENT_ID = rule
        a_run()
        assert browser.get(path(content)).status_code == HTTPStatus.OK
        others = {ID, KEY, f"https://lms.example.com/courses/{KEY}", "DemoX-CS101"} - {content}
        assert {browser.get(path(other)).status_code for other in others} == {404}

    def test_of_the_sites_own_row(self, browser: Client) -> None:
        a_run()
        PercipioConfiguration.objects.create(site=Site.objects.get(pk=1), enabled=True, content_id="slug")
        assert browser.get(path("DemoX-CS101")).status_code == HTTPStatus.OK
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND

    @pytest.mark.parametrize("key", [KEY, ID])
    @pytest.mark.parametrize(
        "own", ["ext-101", "https://catalog.example.com/c/1", "a/b//c", "ends/", "50%", "ü+ 日本", "#?"]
    )
    def test_by_an_operators_own_id(self, browser: Client, key: str, own: str) -> None:
        a_run()
        CourseOverride.objects.create(course_key=key, content_id=own)
        assert browser.get(path(own)).status_code == HTTPStatus.OK
        assert browser.get(path(own) + "/").status_code == HTTPStatus.OK
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND

    def test_a_runs_own_override_wins(self, browser: Client) -> None:
        a_run()
        CourseOverride.objects.create(course_key=ID, content_id="of-all-runs")
        own = CourseOverride.objects.create(course_key=KEY)
        assert browser.get(path("of-all-runs")).status_code == HTTPStatus.OK
        own.content_id = "of-its-own"
        own.save()
        assert browser.get(path("of-all-runs")).status_code == HTTPStatus.NOT_FOUND
        assert browser.get(path("of-its-own")).status_code == HTTPStatus.OK

    def test_letters_count(self, browser: Client) -> None:
        a_run()
        CourseOverride.objects.create(course_key=KEY, content_id="Ext-101")
        assert browser.get(path("ext-101")).status_code == HTTPStatus.NOT_FOUND

    def test_a_proxy_that_merges_slashes(self, browser: Client, settings: Any) -> None:
        settings.PERCIPIO_CONTENT_ID = "url"
        a_run()
        merged = path(f"https://lms.example.com/courses/{KEY}").replace("%3A%2F%2F", ":/").replace("%2F", "/")
        assert browser.get(merged).status_code == HTTPStatus.OK

    def test_courses_that_share_a_slug_are_not_told_apart_by_chance(
        self, browser: Client, settings: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.PERCIPIO_CONTENT_ID = "slug"
        a_run("course-v1:Acme+Corp-X+1")
        a_run("course-v1:Acme+Corp-X+2")
        assert browser.get(path("Acme-Corp-X")).status_code == HTTPStatus.OK
        a_run("course-v1:Acme.Corp+X+1")
        assert browser.get(path("Acme-Corp-X")).status_code == HTTPStatus.NOT_FOUND
        assert "[('Acme', 'Corp-X'), ('Acme.Corp', 'X')]" in caplog.text
        CourseOverride.objects.create(course_key="course:Acme.Corp+X", content_id="Acme-Corp--X")
        assert browser.get(path("Acme-Corp-X")).context["run"].org == "Acme"
        assert browser.get(path("Acme-Corp--X")).context["run"].org == "Acme.Corp"

    @pytest.mark.parametrize("rule", ["course", "course_run", "url", "slug"])
    def test_the_queries_do_not_grow_with_the_courses(
        self, browser: Client, settings: Any, rule: str, django_assert_max_num_queries: Any
    ) -> None:
        settings.PERCIPIO_CONTENT_ID = rule
        course = a_run()
        CourseOverview.objects.bulk_create(
            CourseOverview(id=f"course-v1:DemoX+CS{number}+2026", version=19, _location=block(course, 0), org="DemoX")
            for number in range(200, 700)
        )
        contents = {"course": ID, "course_run": KEY, "url": f"https://lms.example.com/courses/{KEY}"}
        with django_assert_max_num_queries(20):
            assert browser.get(path(contents.get(rule, "DemoX-CS101"))).status_code == HTTPStatus.OK

    @pytest.mark.services
    @pytest.mark.parametrize("rule", ["course", "slug"])
    def test_a_database_reads_no_other_courses(self, settings: Any, rule: str) -> None:
        assert connection.vendor == "mysql", "this is about MariaDB and MySQL: set PERCIPIO_TEST_DATABASE_URL"
        course = a_run()
        CourseOverview.objects.bulk_create(
            CourseOverview(id=f"course-v1:BenchX+CS{number}+2026", version=19, _location=block(course, 0), org="BenchX")
            for number in range(3000)
        )
        content, settings.PERCIPIO_CONTENT_ID = {"course": ID, "slug": "DemoX-CS101"}[rule], rule
        launch = config.launch_for(Site.objects.get_current().pk)
        before = handler_reads()
        assert [run.key for run in views.find_item(content, Site.objects.get_current().pk, launch).runs] == [KEY]
        assert handler_reads() - before < 100


class TestSites:
    """Several sites of one LMS."""

    def test_never_another_sites_course(self, browser: Client, learner: Any) -> None:
        a_site("campus.example", "DemoX")
        enrolled(learner, a_run())
        assert browser.get(path()).status_code == HTTPStatus.NOT_FOUND
        assert went(browser.get(path(), headers={"host": "campus.example"})) == (302, HOME)
        assert went(browser.get(path(), headers={"host": "campus.example:8000"})) == (302, HOME)

    def test_each_with_its_own_settings(self, browser: Client) -> None:
        site = a_site("campus.example", "DemoX")
        a_run()
        a_run("course-v1:Acme+X+1")
        PercipioConfiguration.objects.create(
            site=site, enabled=True, content_id="slug", launch_enrolls=False, launch_idp="oa2-campus"
        )
        there = {"headers": {"host": "campus.example"}}
        assert went(browser.get(path("DemoX-CS101"), **there)) == (302, ABOUT)
        assert browser.get(path("course:Acme+X")).status_code == HTTPStatus.OK
        assert browser.get(path("Acme-X"), **there).status_code == HTTPStatus.NOT_FOUND
        login = went(Client().get(path("DemoX-CS101"), **there))[1]
        assert login == "/login?next=/percipio/launch/DemoX-CS101/%3Ftpa_hint%3Doa2-campus"


class TestPages:
    """What the pages say, and in which language."""

    LANGUAGES = ("django.middleware.locale.LocaleMiddleware",)

    @pytest.mark.parametrize(
        ("language", "direction"), [("de", "ltr"), ("en", "ltr"), ("ar", "rtl"), ("he", "rtl"), ("ja", "ltr")]
    )
    def test_in_the_learners_language(self, browser: Client, settings: Any, language: str, direction: str) -> None:
        settings.MIDDLEWARE = [*django_settings.MIDDLEWARE, *self.LANGUAGES]
        a_run(start=-3)
        text = browser.get(path(), headers={"accept-language": language}).content.decode()
        assert f'<html lang="{language}" dir="{direction}">' in text
        with translation.override(language):
            assert translation.gettext("Enroll in this course") in text

    def test_a_name_cannot_break_out(self, browser: Client) -> None:
        a_run(display_name='<script>alert("x")</script>', language='"><b>')
        text = browser.get(path()).content.decode()
        assert "<script" not in text
        assert "&lt;script&gt;" in text

    def test_a_content_id_is_not_repeated(self, browser: Client) -> None:
        assert b"Call+0800" not in browser.get(path("Call+0800 now")).content
        assert b"Call" not in browser.get(path("Call+0800 now")).content


_ODD = st.sampled_from(
    [
        *("//evil.example", "/\\evil.example", "https://evil.example/", "https:evil.example", "javascript:alert(1)"),
        *("..", "../..", "%2e%2e%2f", "%2F%2Fevil.example", "\r\nLocation: https://evil.example", "\0", "\ud800"),
        *("course:", "course:+", "course:DemoX+", f"{ID}/", f"{ID}\n", "course:%+_", "?next=//evil.example", "#"),
        *("x" * 5000, "é" * 400, KEY, "course-v1:" + "a+" * 300, "'; DROP TABLE", "{{ 7 }}", "%(x)s", "\u202e"),
    ]
)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=_ODD | st.text(max_size=40),
    rule=st.sampled_from(["course", "course_run", "url", "slug"]),
    raw=st.booleans(),
)
def test_no_content_id_leads_off_the_site_or_breaks(
    browser: Client, settings: Any, content: str, rule: str, raw: bool
) -> None:
    settings.PERCIPIO_CONTENT_ID = rule
    encoded = quote(content.encode("utf-8", "surrogatepass"), safe="/:?#+%" if raw else "")
    for client in (browser, Client()):
        response = client.get(f"/percipio/launch/{encoded}")
        assert response.status_code in (302, 404)
        where = response.headers.get("Location", "")
        assert not where or (where.startswith("/login?next=/percipio/launch/") and not urlsplit(where).netloc)
        assert where.isascii()


@given(_ODD | st.text(max_size=60))
def test_what_is_no_content_id_is_not_looked_up(content: str) -> None:
    if views.is_possible(content):
        assert content.isprintable()
        assert len(content) <= views.LONGEST
