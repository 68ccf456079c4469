"""One learner of whom the LMS can say nothing, or nothing can be said, waits alone; all others are reported."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import DatabaseError, OperationalError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openedx_filters import PipelineStep
from social_django.models import UserSocialAuth

from demo.learning.faults import Fault, broken
from percipio_openedx import config, edx_platform
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import Destination, LearnerCourse, Notice, ObservationFailure, Statement
from percipio_openedx.models.learner_course import EVERY_COURSE, Reason
from percipio_openedx.reporting import failures, identity, milestones, report_due, retirement
from tests.integration.builders import KEY, a_course, a_learner, enrolled, one_by_one, progress_asked
from tests.integration.test_reporting import complete, grade, hold, notice
from tests.poison import CANARY, FEW, TEXTS, errors
from tests.unit.statements.cases import VERB_FILTER

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("reporting", "completing", "no_calls")]

Manage = Callable[..., Any]

ERRORS = errors()
NAMES = [name for name in FEW if name in ERRORS]
# Everything that is read of many learners at once.
READS = ("activities", "certificates", "enrollments", "external_ids", "grades", "learners", "retiring", "social_links")
LEARNERS = 8


@pytest.fixture
def course() -> Any:
    return a_course(units=4)


@pytest.fixture
def learners(course: Any) -> list[Any]:
    """A class that has just enrolled."""
    found = [a_learner(f"learner{number}") for number in range(LEARNERS)]
    for learner in found:
        enrolled(learner, course)
    return found


def ids(*learners: Any) -> set[int]:
    return {learner.pk for learner in learners}


def reported() -> set[int]:
    """Of whom anything was made to be sent."""
    return set(Statement.objects.values_list("learner_course__user_id", flat=True))


def failing() -> set[int]:
    return set(ObservationFailure.objects.filter(course_key=KEY).values_list("user_id", flat=True))


def poisoned(monkeypatch: pytest.MonkeyPatch, function: str, *learners: Any, error: Exception | None = None) -> None:
    """A bulk read that fails as soon as one of these learners is among those who are asked about."""
    real, bad = getattr(edx_platform, function), ids(*learners)

    def read(*args: Any) -> Any:
        if bad.intersection(args[-1]):
            raise error or ValueError(CANARY)
        return real(*args)

    monkeypatch.setattr(edx_platform, function, read)


@pytest.mark.parametrize("function", READS)
def test_a_learner_who_breaks_the_reading_of_all(
    learners: list[Any], monkeypatch: pytest.MonkeyPatch, settings: Any, function: str
) -> None:
    if function in ("external_ids", "social_links"):
        settings.PERCIPIO_LEARNER_ID = "external_id" if function == "external_ids" else "sso_uid"
        for learner in learners:
            UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=f"acme:{learner.username}")
    bad = learners[3], learners[7]
    with monkeypatch.context() as for_a_while:
        poisoned(for_a_while, function, *bad)
        report_due()
    assert failing() == ids(*bad)
    assert reported() == ids(*learners) - ids(*bad)
    assert not LearnerCourse.objects.exclude(lease=None).exists()
    report_due()
    assert reported() == ids(*learners)
    assert failing() == set()


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", NAMES)
def test_whatever_breaks_it(
    learners: list[Any], monkeypatch: pytest.MonkeyPatch, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "percipio_openedx")
    with monkeypatch.context() as for_a_while:
        poisoned(for_a_while, "grades", learners[0], error=ERRORS[name])
        report_due()
    assert reported() == ids(*learners[1:])
    failure = ObservationFailure.objects.get()
    assert (failure.user_id, failure.reason) == (learners[0].pk, name.rpartition(".")[2])
    assert CANARY not in caplog.text


def test_where_nobody_can_be_read_the_course_waits(learners: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as for_a_while:
        poisoned(for_a_while, "grades", *learners)
        report_due()
    assert failing() == {0}
    assert Notice.objects.count() == LEARNERS
    report_due()
    assert reported() == ids(*learners)


def test_who_fails_is_tried_again_without_a_notice_at_growing_intervals(
    learners: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        with monkeypatch.context() as for_a_while:
            poisoned(for_a_while, "grades", learners[0])
            waits = []
            for _ in range(8):
                report_due()
                failure = ObservationFailure.objects.get()
                waits.append((failure.retry_at - timezone.now()) // timedelta(minutes=1))
                clock.shift(failure.retry_at - timezone.now() + timedelta(seconds=1))
        assert waits == [0, 1, 2, 4, 8, 16, 32, 60]
        assert not Notice.objects.exists()
        report_due()
    assert learners[0].pk in reported()


def test_a_new_hint_is_looked_at_whatever_failed_before(
    course: Any, learners: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as for_a_while:
        poisoned(for_a_while, "grades", learners[0])
        for _ in range(4):
            report_due()
    assert learners[0].pk not in reported()
    notice(learners[0], course)
    report_due()
    assert learners[0].pk in reported()
    assert failing() == set()


def test_a_back_fill_sets_them_aside_too(learners: list[Any], monkeypatch: pytest.MonkeyPatch, manage: Manage) -> None:
    Notice.objects.all().delete()
    with monkeypatch.context() as for_a_while:
        poisoned(for_a_while, "certificates", learners[5])
        for since in ([], ["--restart", "--since", "2020-01-01"]):
            ran = manage("percipio_backfill", "--json", *since)
            assert (ran.code, ran.documents[0]["failed"]) == (0, 1)
            assert reported() == ids(*learners) - ids(learners[5])
        assert "of 1 learner something could not be found out" in manage("percipio_backfill").out
        assert "held back: 1. ValueError" in manage("percipio_backfill", "--dry-run").out
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        report_due()
    assert reported() == ids(*learners)


def test_the_doctor_counts_them(learners: list[Any], monkeypatch: pytest.MonkeyPatch, manage: Manage) -> None:
    poisoned(monkeypatch, "grades", *learners[:3])
    report_due()
    said = "check  observations: Of 3 learners something could not be found out or reported (ValueError)."
    assert said in manage("percipio_doctor").lines


def test_a_learner_who_is_erased_leaves_no_failure(learners: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned(monkeypatch, "grades", learners[0])
    report_due()
    retirement.erase(learners[0].pk)
    assert failing() == set()


# --- the expensive progress ------------------------------------------------------------------------------------------


def test_who_passed_is_told_though_the_progress_cannot_be_had(course: Any, learners: list[Any]) -> None:
    passed, busy, well = learners[:3]
    for learner in (passed, busy, well):
        complete(learner, course, 0)
    grade(passed, course)
    with one_by_one(), broken(*(Fault(ERRORS[NAMES[0]], user_id=one.pk) for one in (passed, busy))):
        report_due()
        kinds = set(Statement.objects.filter(learner_course__user_id=passed.pk).values_list("kind", flat=True))
        assert kinds == {"started", "passed", "completed"}
        assert reported() == ids(*learners)
        assert set(ObservationFailure.objects.values_list("user_id", "part")) == {(busy.pk, "progress")}
    report_due()
    assert Statement.objects.filter(learner_course__user_id=busy.pk, kind="progressed").exists()
    assert failing() == set()


def test_a_preview_says_what_is_missing(course: Any, learners: list[Any], manage: Manage, everything: Client) -> None:
    complete(learners[0], course, 0)
    with broken(Fault(ERRORS[NAMES[0]], user_id=learners[0].pk)):
        ran = manage("percipio_preview", str(learners[0].pk), KEY)
        asked = {"learner": str(learners[0].pk), "course": KEY}
        pages = [
            everything.get(reverse("admin:percipio_openedx_preview"), asked),
            everything.get(reverse("admin:percipio_openedx_timeline", args=[learners[0].pk, KEY])),
        ]
    assert "it is tried again, for something went wrong: course_home_api" in ran.out
    for page in pages:
        assert "failed with BlockStructureNotFound" in page.content.decode()


def test_a_course_whose_progress_is_broken_is_not_asked_again_and_again(
    course: Any, learners: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its learners are told all else, and the platform is left alone with them for growing intervals."""
    for learner in learners:
        complete(learner, course, 0)
    asked = progress_asked(monkeypatch)
    with broken(Fault(ERRORS[NAMES[0]], "get_course_blocks_completion_summary")):
        report_due()
        assert len(asked) == 5
        assert reported() == ids(*learners)
        assert failing() == {0, *ids(*learners)}
        report_due()
        for learner in learners[:3]:
            notice(learner, course)
        grade(learners[0], course)
        report_due()
        assert len(asked) == 10
        assert Statement.objects.filter(learner_course__user_id=learners[0].pk, kind="completed").exists()
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        report_due()
    assert Statement.objects.filter(kind="progressed").count() == LEARNERS - 1
    assert failing() == set()


def test_a_few_who_cannot_be_asked_for_do_not_stand_for_the_course(course: Any, learners: list[Any]) -> None:
    """Even if they come first."""
    for learner in learners:
        complete(learner, course, 0)
    bad = learners[:4]
    with one_by_one(), broken(*(Fault(ERRORS[NAMES[0]], user_id=learner.pk) for learner in bad)):
        report_due()
    assert Statement.objects.filter(kind="progressed").count() == LEARNERS - len(bad)
    assert failing() == ids(*bad)


def test_a_broken_progress_is_forgotten_with_its_last_learner(course: Any, learners: list[Any]) -> None:
    for learner in learners:
        complete(learner, course, 0)
    with broken(Fault(ERRORS[NAMES[0]], "get_course_blocks_completion_summary")):
        report_due()
        for learner in learners:
            retirement.erase(learner.pk)
        with time_machine.travel(timezone.now() + timedelta(hours=2)):
            report_due()
    assert not ObservationFailure.objects.exists()


# --- naming ----------------------------------------------------------------------------------------------------------


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", NAMES)
def test_who_cannot_be_named_is_held_alone(learners: list[Any], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    identify = identity.identify

    def named(learner: Any, configuration: Any) -> Any:
        if learner.user_id == learners[4].pk:
            raise ERRORS[name]
        return identify(learner, configuration)

    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(identity, "identify", named)
        assert report_due().held == 1
    assert (hold(learners[4]), failing()) == ("unsayable", ids(learners[4]))
    assert reported() == ids(*learners) - ids(learners[4])
    report_due()
    assert reported() == ids(*learners)
    assert (hold(learners[4]), failing()) == ("", set())


def test_when_to_look_again_cannot_be_said_of_one(learners: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    observe_again_at = milestones.observe_again_at
    calls: list[Any] = []

    def poisoned_time(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 5:
            raise ValueError(CANARY)
        return observe_again_at(*args)

    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(milestones, "observe_again_at", poisoned_time)
        assert report_due().held == 1
    (held,) = failing()
    assert LearnerCourse.objects.get(user_id=held).hold_reason == "unsayable"
    assert reported() == ids(*learners) - {held}
    report_due()
    assert reported() == ids(*learners)


def test_organizations_of_every_form(course: Any, settings: Any) -> None:
    """What single sign-on says becomes part of an address and of a row, or the learner is held back. All at once."""
    settings.PERCIPIO_ORGANIZATION_FROM = "sso:org"
    said = {a_learner(f"learner{number}"): text for number, text in enumerate(TEXTS.values())}
    plain = a_learner("plain")
    for learner, text in {**said, plain: "acme"}.items():
        # A database may not take it at all; then no identity provider can say it.
        with suppress(ValueError, DatabaseError):
            UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=learner.pk, extra_data={"org": text})
        enrolled(learner, course)
    report_due()
    assert plain.pk in reported()
    for learner, text in said.items():
        value = text.strip()
        if not UserSocialAuth.objects.filter(user=learner).exists():
            assert hold(learner) == "no_organization"
        elif config.is_identifier(value):
            destination = Destination.objects.get(statements__learner_course__user_id=learner.pk)
            assert destination.organization == value
        else:
            assert hold(learner) == ("odd_organization" if value else "no_organization")
            assert learner.pk not in reported()
    assert failing() == set()


def test_the_sites_own_organization_is_the_operators(course: Any, settings: Any) -> None:
    settings.PERCIPIO_ORGANIZATION_FROM, settings.PERCIPIO_ORGANIZATION_ID = "sso:org", "Acme Corp"
    learner = a_learner()
    enrolled(learner, course)
    report_due()
    assert reported() == ids(learner)


def test_an_organization_that_is_put_right_is_reported(course: Any, settings: Any) -> None:
    settings.PERCIPIO_ORGANIZATION_FROM = "sso:org"
    learner = a_learner()
    link = UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid="a", extra_data={"org": ".."})
    enrolled(learner, course)
    report_due()
    assert hold(learner) == "odd_organization"
    link.extra_data = {"org": "acme"}
    link.save()
    report_due()
    report_due()
    assert reported() == ids(learner)


# --- building --------------------------------------------------------------------------------------------------------


class Odd(PipelineStep):
    """A site's step that stumbles over one learner, or makes something odd of the verb."""

    target = ""
    verb: Any = None
    error: Exception | None = None

    def run_filter(self, transformer: Any, result: Any) -> dict[str, Any]:
        if self.target not in str(transformer.event["data"]["learner"]):
            return {"result": result}
        if self.error is not None:
            raise self.error
        result.id = self.verb
        return {"result": result}


@pytest.fixture
def a_step(settings: Any, monkeypatch: pytest.MonkeyPatch, learners: list[Any]) -> Any:
    """The step is configured, and meant for the third learner."""
    monkeypatch.setattr(Odd, "target", learners[2].email)
    steps = {"pipeline": [f"{__name__}.{Odd.__name__}"], "fail_silently": False}
    settings.OPEN_EDX_FILTERS_CONFIG = {VERB_FILTER: steps}
    return monkeypatch


@pytest.mark.thinned(3)
@pytest.mark.parametrize("name", NAMES)
def test_a_filter_step_that_stumbles_over_one_learner(
    learners: list[Any], a_step: pytest.MonkeyPatch, settings: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "percipio_openedx")
    a_step.setattr(Odd, "error", ERRORS[name])
    assert report_due().held == 1
    assert (hold(learners[2]), failing()) == ("unsayable", ids(learners[2]))
    assert reported() == ids(*learners) - ids(learners[2])
    # openedx-filters logs the step's error as it is, before anybody else sees it.
    assert not [line for line in caplog.messages if CANARY in line and "Exception raised while running" not in line]
    settings.OPEN_EDX_FILTERS_CONFIG = {}
    report_due()
    assert reported() == ids(*learners)
    assert (hold(learners[2]), failing()) == ("", set())


@pytest.mark.thinned(2)
@pytest.mark.parametrize(
    "verb",
    [f"https://example.com/{rest}" for rest in ("v" * 80, "v" * 81, "v" * 4000, "v 1", "😀", "\ud83d")] + ["", None, 7],
)
def test_a_verb_of_any_length_and_form(
    learners: list[Any], a_step: pytest.MonkeyPatch, settings: Any, verb: Any
) -> None:
    a_step.setattr(Odd, "verb", verb)
    report_due()
    others = ids(*learners) - ids(learners[2])
    assert reported() >= others
    if learners[2].pk in reported():
        assert Statement.objects.get(learner_course__user_id=learners[2].pk).verb == verb
    else:
        assert failing() == ids(learners[2])
    settings.OPEN_EDX_FILTERS_CONFIG = {}
    report_due()
    assert reported() == ids(*learners)
    assert failing() == set()


def test_a_verb_beyond_its_column_is_refused_by_name(
    learners: list[Any], a_step: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    a_step.setattr(Odd, "verb", "https://example.com/" + "v" * 81)
    report_due()
    assert hold(learners[2]) == "unsayable"
    assert ObservationFailure.objects.get().reason == "verb: is longer than 100 characters"


def test_comparing_breaks_for_one(learners: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Times without a zone, numbers that are none: whatever the platform's rows hold of one learner."""
    due = milestones.due
    calls: list[Any] = []

    def odd(reported: Any, observed: Any, policy: Any) -> Any:
        calls.append(observed)
        if len(calls) == 5:
            raise TypeError("can't compare offset-naive and offset-aware datetimes")
        return due(reported, observed, policy)

    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(milestones, "due", odd)
        assert report_due().held == 1
    assert len(reported()) == LEARNERS - 1
    report_due()
    assert reported() == ids(*learners)


# --- of every course -------------------------------------------------------------------------------------------------


def test_an_erasure_that_fails_stops_no_other(learners: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    report_due()
    erase = retirement.erase

    def erasing(user_id: int) -> int:
        if user_id == learners[1].pk:
            raise ValueError(CANARY)
        return erase(user_id)

    for learner in learners[:4]:
        notice(learner, "", Reason.RETIREMENT)
    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(retirement, "erase", erasing)
        for _ in range(3):
            report_due()
    assert reported() == ids(learners[1], *learners[4:])
    failure = ObservationFailure.objects.get()
    assert (failure.course_key, failure.user_id, failure.reason, failure.failures) == (
        "",
        learners[1].pk,
        "ValueError",
        2,
    )
    assert Notice.objects.get().user_id == learners[1].pk
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        report_due()
    assert reported() == ids(*learners[4:])
    assert not ObservationFailure.objects.exists()
    assert not Notice.objects.exists()


def test_whose_names_cannot_be_read_waits_with_the_erasure(
    learners: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of them elsewhere is found by the names, and by the statements; so these stay for the next try."""
    report_due()
    for learner in learners[:2]:
        notice(learner, "", Reason.RETIREMENT)
    names_of = edx_platform.names_of

    def reading(user_id: int) -> list[str]:
        if user_id == learners[0].pk:
            raise PlatformUnavailable("user_api.models.UserRetirementStatus")
        return names_of(user_id)

    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(edx_platform, "names_of", reading)
        report_due()
    assert reported() == ids(learners[0], *learners[2:])
    failure = ObservationFailure.objects.get()
    assert (failure.course_key, failure.user_id) == ("", learners[0].pk)
    report_due()
    assert reported() == ids(*learners[2:])


def test_a_link_that_cannot_be_followed_stops_no_other(
    learners: list[Any], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PERCIPIO_LEARNER_ID = "sso_uid"
    report_due()
    for learner in learners[:3]:
        UserSocialAuth.objects.create(user=learner, provider="tpa-saml", uid=f"acme:{learner.username}")
    create = Notice.objects.bulk_create

    def creating(rows: Any, *args: Any, **how: Any) -> Any:
        made = list(rows)
        if learners[0].pk in {row.user_id for row in made}:
            raise ValueError(CANARY)
        return create(made, *args, **how)

    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(type(Notice.objects), "bulk_create", lambda _self, *args, **how: creating(*args, **how))
        report_due()
    report_due()
    report_due()
    assert reported() == ids(*learners[:3])


def test_a_retired_learner_who_cannot_be_erased_is_named_by_prune(
    learners: list[Any], monkeypatch: pytest.MonkeyPatch, manage: Manage
) -> None:
    report_due()
    for learner in learners[:3]:
        learner.email = f"retired__user_{learner.pk}@retired.invalid"
        learner.save()
    erase = retirement.erase

    def erasing(user_id: int) -> int:
        if user_id == learners[0].pk:
            raise ValueError(CANARY)
        return erase(user_id)

    monkeypatch.setattr(retirement, "erase", erasing)
    ran = manage("percipio_prune")
    assert ran.code == 1
    assert f"user {learners[0].pk} retired and could not be erased (ValueError)" in ran.err
    assert reported() == ids(learners[0], *learners[3:])


def test_one_locked_retirement_holds_up_no_other_and_no_link(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, locked, linked = (a_learner(name) for name in ("gone", "locked", "linked"))
    LearnerCourse.begun("https://lms", linked.pk, KEY, 1, hold_reason="no_link").save()
    Notice.objects.all().delete()
    at = timezone.now() - timedelta(minutes=5)
    for learner, reason in ((gone, Reason.RETIREMENT), (locked, Reason.RETIREMENT), (linked, Reason.SSO_LINK)):
        Notice.objects.create(user_id=learner.pk, course_key=EVERY_COURSE, reason=reason, noticed_at=at)
    erase, erased = retirement.erase, list[int]()

    def lock(user_id: int) -> int:
        erased.append(user_id)
        if user_id == locked.pk:
            raise OperationalError(1205, "Lock wait timeout exceeded")
        return erase(user_id)

    monkeypatch.setattr(retirement, "erase", lock)
    for _ in range(2):
        report_due()
        assert list(Notice.objects.filter(course_key=EVERY_COURSE).values_list("user_id", flat=True)) == [locked.pk]
    assert erased.count(gone.pk) <= 1
    assert not ObservationFailure.objects.filter(user_id=locked.pk).exists()


def test_what_breaks_for_all_of_them_once_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = a_learner("gone")
    Notice.objects.all().delete()
    at = timezone.now() - timedelta(minutes=5)
    Notice.objects.create(user_id=learner.pk, course_key=EVERY_COURSE, reason=Reason.RETIREMENT, noticed_at=at)
    with monkeypatch.context() as patch:
        patch.setattr(failures.Known, "settle", lambda *_: 1 / 0)
        report_due()
    assert ObservationFailure.objects.of_courses().filter(course_key=EVERY_COURSE).exists()
    Notice.objects.create(user_id=learner.pk, course_key=EVERY_COURSE, reason=Reason.RETIREMENT, noticed_at=at)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        report_due()
    assert not ObservationFailure.objects.exists()
    assert not Notice.objects.filter(course_key=EVERY_COURSE).exists()
