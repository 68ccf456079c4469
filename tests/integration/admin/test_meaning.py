"""Before a configuration is saved, the page says what it means; the secret is in no page, no session and no log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin import site
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from lms.djangoapps.grades.models import PersistentCourseGrade

from percipio_openedx import config, edx_platform
from percipio_openedx.admin import overview
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import Account, BackfillRun, LearnerCourse, PercipioConfiguration, Statement
from percipio_openedx.settings.common import DEFAULTS
from tests.integration.admin.forms import ADD, hidden, save
from tests.integration.builders import a_course, a_learner, a_site, enrolled

SECRET = "canary-of-two-steps-3f9c"
TYPED = {
    "site": "1",
    "enabled": "on",
    "partner_name": "acme",
    "client_id": "acme-client",
    "region": "eu",
    "send_names": "unknown",
    "learners": "all",
}
NOTHING_SAVED = "Nothing is saved yet. If this is what you mean, save below."
AGAIN = "Type the client secret again first: no page keeps it."
EVERYBODY = "Reports 2 learners in 1 of 1 course."
NOBODY = (
    "Reports 0 learners in 1 of 1 course; 2 others are not reported, because: not of the single-sign-on provider that "
    "is reported (2)."
)
OFF = "Nothing is reported: this site is switched off, or has no configuration."


@pytest.fixture(autouse=True)
def _no_settings(settings: Any) -> None:
    for name, value in DEFAULTS.items():
        setattr(settings, name, value)


@pytest.fixture
def admin(operator: Callable[..., Client]) -> Client:
    return operator("add_percipioconfiguration", "view_percipioconfiguration", "test_percipioconfiguration")


@pytest.fixture
def course(db: Any) -> Any:
    """A course with two learners, of whom one has passed."""
    key = a_course()
    amina = a_learner("amina")
    for learner in (amina, a_learner("bela")):
        enrolled(learner, key)
    PersistentCourseGrade.objects.create(
        user_id=amina.pk, course_id=key, percent_grade=0.9, letter_grade="Pass", passed_timestamp=timezone.now()
    )
    return key


def posted(client: Client, **changes: str) -> Any:
    return client.post(reverse(ADD), {**TYPED, **changes})


def shown(response: Any) -> dict[str, Any]:
    """What the page says, and nothing is saved with it."""
    assert response.status_code == 200
    page = response.content.decode()
    assert NOTHING_SAVED in page
    assert "errornote" not in page and "errorlist" not in page
    meaning = response.context["meaning"]
    return {"now": meaning["now"].sentence, "then": meaning["then"].sentence, "changed": meaning["changed"]}


def test_the_first_configuration_is_shown_before_it_is_saved(admin: Client, course: Any) -> None:
    response = posted(admin, new_password=SECRET)

    assert shown(response) == {
        "now": OFF,
        "then": EVERYBODY,
        "changed": [
            "For 2 of 2 learners in courses something else would be due than now.",
            "Newly due: started (2), passed (1), completed (1).",
        ],
    }
    page = response.content.decode()
    assert EVERYBODY in page and "Newly due: started (2)" in page and AGAIN in page
    assert SECRET not in page
    assert not PercipioConfiguration.objects.exists()
    assert not LogEntry.objects.exists()
    assert not LearnerCourse.objects.exists() and not Statement.objects.exists()


def test_the_second_step_saves_what_was_shown(admin: Client, course: Any) -> None:
    first = posted(admin, new_password=SECRET)
    second = posted(admin, new_password=SECRET, **hidden(first))

    assert second.status_code == 302
    found = config.for_site(1)
    assert found is not None and found.client_secret.reveal() == SECRET


def test_a_secret_that_is_not_typed_again_is_asked_for_and_never_replaced_by_the_former_one(admin: Client) -> None:
    save(admin, {**TYPED, "new_password": "the-former-secret"})
    first = posted(admin, learners="sso:acme", new_password=SECRET)
    second = posted(admin, learners="sso:acme", **hidden(first))

    assert second.status_code == 200
    assert second.context["adminform"].form.errors == {
        "client_secret": ["Type the secret again: it was not kept while this page was shown."]
    }
    assert PercipioConfiguration.objects.count() == 1
    # What was shown stays shown: one more time is enough.
    assert posted(admin, learners="sso:acme", new_password=SECRET, **hidden(second)).status_code == 302
    row = PercipioConfiguration.newest(1)
    assert row is not None and row.client_secret.reveal() == SECRET


def test_without_a_new_secret_the_stored_one_stays(admin: Client, course: Any) -> None:
    save(admin, {**TYPED, "new_password": SECRET})
    first = posted(admin, learners="sso:acme")

    assert shown(first) == {
        "now": EVERYBODY,
        "then": NOBODY,
        "changed": [
            "For 2 of 2 learners in courses something else would be due than now.",
            "No longer due: started (2), passed (1), completed (1).",
        ],
    }
    assert AGAIN not in first.content.decode()
    assert posted(admin, learners="sso:acme", **hidden(first)).status_code == 302
    row = PercipioConfiguration.newest(1)
    assert row is not None
    assert (row.learners, row.client_secret.reveal()) == ("sso:acme", SECRET)


def test_what_was_not_shown_is_not_saved(admin: Client) -> None:
    first = posted(admin, new_password=SECRET)
    second = posted(admin, learners="sso:acme", new_password=SECRET, **hidden(first))

    shown(second)
    assert hidden(second)["shown"] != hidden(first)["shown"]
    assert not PercipioConfiguration.objects.exists()


def test_what_was_shown_beside_other_accounts_is_shown_again(admin: Client, course: Any) -> None:
    first = posted(admin, new_password=SECRET)
    names = {"partner_name": "birch", "client_id": "birch-client", "client_secret": SECRET}
    Account.objects.create(site_id=1, name="birch", enabled=True, region="eu", learners="all", **names)
    shown(posted(admin, new_password=SECRET, **hidden(first)))
    assert PercipioConfiguration.objects.count() == 0


def test_what_was_shown_in_place_of_another_version_is_shown_again(admin: Client, course: Any) -> None:
    """Somebody else saved meanwhile."""
    save(admin, {**TYPED, "new_password": SECRET})
    first = posted(admin, learners="sso:acme")
    save(admin, {**TYPED, "learners": "sso:other"})

    assert shown(posted(admin, learners="sso:acme", **hidden(first)))["now"] == NOBODY


@pytest.mark.parametrize("changes", [{"timeout": "7"}, {"batch_size": "10"}, {"new_password": "another"}])
def test_what_reports_nothing_else_is_saved_at_once(admin: Client, changes: dict[str, str]) -> None:
    save(admin, {**TYPED, "new_password": SECRET})

    assert posted(admin, **changes).status_code == 302


@pytest.mark.parametrize(
    "changes", [{"learners": "sso:acme"}, {"completed_on": "any"}, {"partner_name": "b"}, {"send_names": "false"}]
)
def test_what_reports_something_else_is_shown(admin: Client, changes: dict[str, str]) -> None:
    save(admin, {**TYPED, "new_password": SECRET})

    shown(posted(admin, **changes))


def test_a_site_is_switched_off_in_one_step_and_on_in_two(admin: Client, course: Any) -> None:
    save(admin, {**TYPED, "new_password": SECRET})

    assert posted(admin, enabled="").status_code == 302
    assert config.for_site(1) is None
    assert shown(posted(admin))["then"] == EVERYBODY


def test_the_button_shows_without_a_secret_and_saves_nothing(admin: Client, course: Any) -> None:
    response = posted(admin, _show="Show what this means")

    assert shown(response)["then"] == EVERYBODY
    assert AGAIN not in response.content.decode()
    assert not PercipioConfiguration.objects.exists()
    # The secret comes last.
    assert posted(admin, new_password=SECRET, **hidden(response)).status_code == 302


def test_the_button_shows_what_changes_nothing_as_well(admin: Client, course: Any) -> None:
    save(admin, {**TYPED, "new_password": SECRET})
    response = posted(admin, _show="1")

    assert shown(response)["changed"] == ["What is due stays the same for all 2 learners in courses."]
    assert shown(posted(admin, enabled="", _show="1"))["then"] == OFF
    assert posted(admin, _show="1", **hidden(response)).status_code == 200
    assert PercipioConfiguration.objects.count() == 1


def test_the_button_does_not_ask_for_the_secret_that_goes_elsewhere(admin: Client) -> None:
    save(admin, {**TYPED, "new_password": SECRET})
    first = posted(admin, client_id="another", _show="1")

    shown(first)
    second = posted(admin, client_id="another", **hidden(first))
    assert list(second.context["adminform"].form.errors) == ["client_secret"]


def test_a_mistake_is_shown_instead(admin: Client) -> None:
    response = posted(admin, progress_step="400", _show="1")

    assert response.context["meaning"] is None
    assert list(response.context["adminform"].form.errors) == ["progress_step"]


def test_a_policy_says_how_many_learners_it_changes(admin: Client, course: Any) -> None:
    save(admin, {**TYPED, "completed_on": "certificate", "new_password": SECRET})

    assert shown(posted(admin, completed_on="passed"))["changed"] == [
        "For 1 of 2 learners in courses something else would be due than now.",
        "Newly due: completed (1).",
    ]


def test_a_mistake_in_force_is_what_the_page_says_of_now(admin: Client, course: Any, settings: Any) -> None:
    settings.PERCIPIO_PARTNER_NAME, settings.PERCIPIO_CLIENT_ID = "acme", "of-the-settings"
    settings.PERCIPIO_CLIENT_SECRET, settings.PERCIPIO_LEARNERS = "canary-of-the-settings", "some"

    assert shown(posted(admin, new_password=SECRET))["now"] == (
        "Nothing is reported: PERCIPIO_LEARNERS: is 'some'; it must be all or sso:<name>."
    )


def test_an_lms_that_cannot_be_asked_keeps_nobody_from_saving(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise PlatformUnavailable("student.models.CourseEnrollment")

    monkeypatch.setattr(edx_platform, "enrollment_counts", broken)
    response = posted(admin, new_password=SECRET)

    assert shown(response)["then"].startswith("Whom this site reports cannot be counted now:")
    assert posted(admin, new_password=SECRET, **hidden(response)).status_code == 302


def test_another_site_is_shown_with_its_own_courses(admin: Client, course: Any) -> None:
    other = a_site("other.example.com", "OtherX")

    assert shown(posted(admin, site=str(other.pk), new_password=SECRET))["then"] == (
        "Nobody was ever enrolled in a course of this site."
    )


def test_the_secret_is_in_no_page_no_session_and_no_log(
    admin: Client, course: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        pages = [posted(admin, new_password=SECRET, _show="1"), posted(admin, new_password=SECRET)]
        pages.append(posted(admin, **hidden(pages[-1])))
        saved = posted(admin, new_password=SECRET, **hidden(pages[-1]))
        pages.append(admin.get(saved.url))

    assert saved.status_code == 302
    sessions = [session.get_decoded() for session in Session.objects.all()]
    kept = [page.content.decode() for page in pages] + [str(sessions), str(admin.cookies), caplog.text]
    assert sessions
    assert [text[:80] for text in kept if SECRET in text] == []


# --- the back-fill ---------------------------------------------------------------------------------------------------


def test_after_a_change_the_backfill_is_offered_with_its_site(admin: Client, course: Any) -> None:
    other = a_site("other.example.com", "OtherX")
    typed = {**TYPED, "site": str(other.pk), "new_password": SECRET}
    page = admin.get(save(admin, typed).url).content.decode()

    assert "./manage.py lms percipio_backfill --site other.example.com" in page
    page = admin.get(save(admin, {**typed, "timeout": "7"}).url).content.decode()
    assert "percipio_backfill" not in page
    page = admin.get(save(admin, {**typed, "enabled": ""}).url).content.decode()
    assert "percipio_backfill" not in page


@pytest.mark.parametrize(
    ("sweeps", "words"),
    [
        (True, "Learners who were observed before are reported by this within a day, all others by a back-fill:"),
        (False, "What happened before is reported once each learner does something again, or by a back-fill:"),
    ],
)
def test_what_becomes_of_what_happened_before_is_said(
    admin: Client, course: Any, settings: Any, sweeps: bool, words: str
) -> None:
    settings.PERCIPIO_SWEEP = sweeps
    assert words in admin.get(save(admin, {**TYPED, "new_password": SECRET}).url).content.decode()


def test_who_may_start_a_backfill_in_the_admin_is_led_there(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    backfills = site.get_model_admin(BackfillRun)
    monkeypatch.setattr(type(backfills), "has_add_permission", lambda *_: True)
    page = admin.get(save(admin, {**TYPED, "new_password": SECRET}).url).content.decode()

    address = reverse("admin:percipio_openedx_backfillrun_add")
    assert f'<a href="{address}?site_id=1">Start a back-fill of this site</a>' in page
    assert "percipio_backfill" not in page


# --- the other pages -------------------------------------------------------------------------------------------------


def test_the_test_of_the_connection_says_whom_the_site_reports(admin: Client, course: Any) -> None:
    save(admin, {**TYPED, "new_password": SECRET})
    page = reverse("admin:percipio_openedx_test_connection", args=[1])

    assert EVERYBODY in admin.get(page).content.decode()
    save(admin, {**TYPED, "enabled": ""})
    assert EVERYBODY not in admin.get(page).content.decode()


def test_the_overview_says_it_for_each_site_that_reports_and_as_of_when(everything: Client, course: Any) -> None:
    other = a_site("other.example.com", "OtherX")
    for one in (Site.objects.get(pk=1), other):
        PercipioConfiguration.objects.create(
            site=one, enabled=True, partner_name="a", client_id="c", client_secret=SECRET, learners="all"
        )
    page = reverse("admin:percipio_openedx_overview")
    first = everything.get(page)
    said = {one["status"].site_id: one["reach"] for one in first.context["sites"]}

    assert {pk: one.sentence for pk, one in said.items()} == {
        1: EVERYBODY,
        other.pk: "Nobody was ever enrolled in a course of this site.",
    }
    assert EVERYBODY in first.content.decode()
    enrolled(a_learner("carl"), course)
    assert {one["status"].site_id: one["reach"] for one in everything.get(page).context["sites"]} == said
    assert "Reports 3 learners" in everything.get(page, {"fresh": ""}).content.decode()


def test_the_overview_of_many_sites_counts_no_longer_than_people_wait(
    everything: Client, course: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"enabled": True, "partner_name": "a", "client_id": "c", "client_secret": SECRET, "learners": "all"}
    PercipioConfiguration.objects.create(site=Site.objects.get(pk=1), **values)
    monkeypatch.setattr(overview, "PATIENCE", 0.0)
    page = reverse("admin:percipio_openedx_overview")
    said = "Whom this site reports has not been counted yet: open this page again."

    assert said in everything.get(page).content.decode()
    monkeypatch.setattr(overview, "PATIENCE", 3.0)
    assert EVERYBODY in everything.get(page).content.decode()
    # What is remembered is better than nothing.
    monkeypatch.setattr(overview, "PATIENCE", 0.0)
    assert EVERYBODY in everything.get(page, {"fresh": ""}).content.decode()
