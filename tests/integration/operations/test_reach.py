"""Whom a site reports, counted and said: exact where it is small, estimated where it is large, and never a name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from common.djangoapps.student.models import CourseEnrollment
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import timezone, translation
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from openedx.core.djangoapps.external_user_ids.models import ExternalId
from openedx.core.djangoapps.user_api.models import RetirementState, UserRetirementStatus
from social_django.models import UserSocialAuth

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Observed
from percipio_openedx.edx_platform import achievements
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models import CourseOverride, LearnerCourse, Notice, Statement
from percipio_openedx.operations import labels, reach
from percipio_openedx.operations.reach import Reach, count, number, sentence, whom
from percipio_openedx.reporting import report_due
from tests.integration.builders import KEY, a_course, a_learner, a_site, enrolled

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("reporting", "no_calls")]

SECOND = "course-v1:DemoX+CS102+2026"


def of_site(site_id: int = 1, **changes: Any) -> Configuration:
    """The configuration in force, with some values typed otherwise."""
    found = config.for_site(site_id)
    assert found is not None
    return replace(found, **changes)


def numbers(found: Reach) -> tuple[int, int, int, dict[str, int]]:
    return found.learners, found.reported_courses, found.courses, dict(found.others)


def linked(learner: Any, provider: str = "tpa-saml", uid: str = "acme:7", **extra: Any) -> None:
    UserSocialAuth.objects.create(user=learner, provider=provider, uid=f"{uid}{learner.pk}", extra_data=extra)


def test_everybody_who_was_ever_enrolled_and_why_some_are_not_reported() -> None:
    course = a_course()
    for name in ("amina", "bela", "gone", "quiet", "odd"):
        enrolled(a_learner(name), course)
    get_user_model().objects.filter(username="quiet").update(is_active=False)
    get_user_model().objects.filter(username="odd").update(email="")
    state = RetirementState.objects.get(state_name="PENDING")
    gone = get_user_model().objects.get(username="gone")
    UserRetirementStatus.objects.create(
        user=gone,
        current_state=state,
        last_state=state,
        **{f"original_{name}": "x" for name in ("username", "email", "name")},
        **{f"retired_{name}": "x" for name in ("username", "email")},
    )
    CourseEnrollment.unenroll(get_user_model().objects.get(username="bela"), course)
    a_learner("never-enrolled")

    assert numbers(count(of_site())) == (2, 1, 1, {"inactive_account": 1, "retired": 1, "no_email": 1})


def test_a_learner_counts_once_and_a_course_that_is_left_out_counts_apart() -> None:
    first, second, third = a_course(), a_course(SECOND), a_course("course-v1:DemoX+CS103+2026")
    both, here, there = (a_learner(name) for name in ("both", "here", "there"))
    for learner, course in ((both, first), (both, second), (here, first), (there, second), (there, third)):
        enrolled(learner, course)
    CourseOverride.objects.create(course_key=SECOND, is_reported=False)
    CourseOverride.objects.create(course_key="course:DemoX+CS103", is_reported=False)

    assert numbers(count(of_site())) == (2, 1, 3, {"course_left_out": 1})
    # A run's own override wins over that of the course.
    CourseOverride.objects.create(course_key="course-v1:DemoX+CS103+2026", is_reported=True)
    assert numbers(count(of_site())) == (3, 2, 3, {})


def test_the_reason_of_a_learner_comes_before_that_of_a_course() -> None:
    learner = a_learner(is_active=False)
    for course in (a_course(), a_course(SECOND)):
        enrolled(learner, course)
    CourseOverride.objects.create(course_key=KEY, is_reported=False)

    assert dict(count(of_site()).others) == {"inactive_account": 1}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (3, {})),
        ({"learners": "sso:tpa-saml"}, (2, {"not_selected": 1})),
        ({"learners": "sso:acme"}, (1, {"not_selected": 2})),
        ({"learner_id": "sso_uid"}, (2, {"no_sso_link": 1})),
        ({"learner_id": "sso:uuid"}, (1, {"no_sso_link": 1, "no_sso_value": 1})),
        ({"organization_from": "sso:org"}, (1, {"no_organization": 2})),
    ],
)
def test_the_rules_that_are_typed_decide_and_not_those_that_are_saved(
    changes: dict[str, str], expected: tuple[int, dict[str, int]]
) -> None:
    course = a_course()
    acme, other, nobody = (a_learner(name) for name in ("acme", "other", "nobody"))
    for learner in (acme, other, nobody):
        enrolled(learner, course)
    linked(acme, uuid="u-1", org="o-1")
    linked(other, uid="other:")
    found = count(of_site(**changes))

    assert (found.learners, dict(found.others)) == expected


def test_it_is_what_reporting_does() -> None:
    """Whoever is counted is reported, and whoever is not is held with the same reason."""
    course = a_course()
    for place, name in enumerate(("amina", "bela", "quiet", "odd")):
        learner = a_learner(name, is_active=name != "quiet", email="" if name == "odd" else f"{name}@example.com")
        enrolled(learner, course)
        if place % 2:
            linked(learner)
    found = count(of_site())
    report_due()
    held = LearnerCourse.objects.exclude(hold_reason="").values_list("hold_reason", flat=True)

    assert found.learners == Statement.objects.values("learner_course__user_id").distinct().count() == 2
    assert sorted(found.others) == sorted(held)


def test_each_site_has_its_own_courses() -> None:
    other = a_site("other.example.com", "OtherX")
    for name, key in (("amina", KEY), ("bela", "course-v1:OtherX+CS1+2026"), ("carl", "course-v1:OtherX+CS1+2026")):
        course = edx_platform.parsed(key) if name == "carl" else a_course(key)
        enrolled(a_learner(name), course)

    assert numbers(count(of_site())) == (1, 1, 1, {})
    assert numbers(count(of_site(other.pk))) == (2, 1, 1, {})


def test_a_course_that_the_lms_does_not_have_any_more() -> None:
    enrolled(a_learner(), a_course())
    row = CourseEnrollment.objects.get()
    row.pk, row.course_id = None, edx_platform.parsed("course-v1:DemoX+Gone+2026")
    row.user = a_learner("bela")
    row.save()

    assert numbers(count(of_site())) == (1, 1, 2, {"unknown_course": 1})


def test_an_enrollment_mode_reaches_the_rule_that_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a rule about enrollments sees here is what it sees in an observation."""
    course = a_course()
    for name, mode in (("amina", "verified"), ("bela", "audit")):
        enrolled(a_learner(name), course, mode=mode)
    finding_of, seen = reach.finding_of, set()

    def watched(row: Any, learner: Any, observed: Any, configuration: Any, refused: Any) -> Any:
        assert observed == Observed(enrollment=observed.enrollment)
        seen.add((row.course_key, row.site_id, observed.enrollment.mode, observed.enrollment.is_active))
        return finding_of(row, learner, observed, configuration, refused)

    monkeypatch.setattr(reach, "finding_of", watched)
    count(of_site())

    assert seen == {(KEY, 1, "verified", True), (KEY, 1, "audit", True)}


def many(course: Any, number: int) -> None:
    """Learners enrolled in a course, written at once; every third is not active."""
    users = get_user_model()
    users.objects.bulk_create(
        users(username=f"l{place}", email=f"l{place}@example.com", is_active=bool(place % 3)) for place in range(number)
    )
    made = users.objects.filter(username__startswith="l").values_list("pk", flat=True)
    CourseEnrollment.objects.bulk_create(
        CourseEnrollment(user_id=pk, course_id=course, mode="audit", created=timezone.now()) for pk in made
    )


def test_a_large_site_is_estimated_from_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    many(a_course(), 3000)
    exact = count(of_site())
    monkeypatch.setattr(reach, "MOST_EXAMINED", 1000)
    found = count(of_site())

    assert numbers(exact) == (2000, 1, 1, {"inactive_account": 1000})
    assert (exact.is_sampled, found.is_sampled) == (False, True)
    assert (found.learners, found.others["inactive_account"]) == (
        pytest.approx(2000, rel=0.1),
        pytest.approx(1000, rel=0.1),
    )
    # The same learners every time: a number that jumps tells nothing about a change.
    assert replace(count(of_site()), at=found.at) == found


def test_a_draw_is_the_same_by_learners_and_by_courses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way is chosen by what it costs: never all enrollments of a large LMS for the sake of a few."""
    course, other = a_course(), a_course(SECOND)
    many(course, 2000)
    drawn_by_both = CourseEnrollment.objects.filter(user__username="l7").get()
    CourseEnrollment.objects.create(user_id=drawn_by_both.user_id, course_id=other, created=timezone.now())
    ways = []
    for dearer in (1, 1_000_000):
        monkeypatch.setattr(achievements, "DEARER", dearer)
        with CaptureQueriesContext(connection) as captured:
            drawn = edx_platform.drawn_enrollments({KEY: 2000}, 2500)
        ways.append((sorted(drawn), "course_id" in str(captured[-1]["sql"]).partition("WHERE")[2]))

    assert ways[0][0] == ways[1][0]
    assert [by_course for _drawn, by_course in ways] == [False, True]
    assert len(ways[0][0]) == pytest.approx(500, rel=0.1)


@pytest.mark.parametrize("step", [1, 3, 10])
def test_a_draw_is_fair_in_whatever_steps_ids_are_given_out(step: int) -> None:
    """Clusters of databases give out every third id, or every tenth."""
    drawn = [pk for pk in range(1, 60_000 * step, step) if pk % 10_007 * 6_185 % 10_007 < 1_001]

    assert len(drawn) == pytest.approx(6_000, rel=0.02)
    for part in range(6):
        first, last = part * 10_000 * step, (part + 1) * 10_000 * step
        assert sum(first < pk <= last for pk in drawn) == pytest.approx(1_000, rel=0.05)


def test_the_queries_do_not_grow_with_the_learners() -> None:
    course = a_course()
    CourseOverview.get_from_id(course)
    many(course, 30)
    with CaptureQueriesContext(connection) as few:
        count(of_site(learners="sso:tpa-saml"))
    get_user_model().objects.filter(username__startswith="l").delete()
    many(course, 300)
    with CaptureQueriesContext(connection) as more:
        count(of_site(learners="sso:tpa-saml"))

    assert len(few) == len(more) <= 16


def test_nothing_is_written_not_even_an_external_id(monkeypatch: pytest.MonkeyPatch) -> None:
    """The platform makes an id for whomever it is asked for, so it is not asked."""
    monkeypatch.delattr(edx_platform, "external_ids")
    enrolled(a_learner(), a_course())
    Notice.objects.all().delete()

    assert numbers(count(of_site(learner_id="external_id"))) == (1, 1, 1, {})
    for model in (ExternalId, LearnerCourse, Statement, Notice):
        assert not model.objects.exists()


# --- the sentence ----------------------------------------------------------------------------------------------------

NOW = timezone.now()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Reach(NOW), "Nobody was ever enrolled in a course of this site."),
        (Reach(NOW, 1, 1, 1), "Reports 1 learner in 1 of 1 course."),
        (
            Reach(NOW, 500, 14, 212, {HoldReason.COURSE_LEFT_OUT: 3180}),
            "Reports 212 learners in 14 of 500 courses; 3,180 others are not reported, because: only in courses that "
            "are left out (3,180).",
        ),
        (
            Reach(NOW, 500, 14, 21_384, {HoldReason.NO_SSO_LINK: 2891, HoldReason.INACTIVE: 97}, is_sampled=True),
            "Reports about 21,000 learners in 14 of 500 courses; about 3,000 others are not reported, because: no "
            "single-sign-on link (about 2,900), account not active (about 97).",
        ),
        (
            Reach(NOW, 2, 2, 0, {HoldReason.RETIRED: 1}),
            "Reports 0 learners in 2 of 2 courses; 1 other is not reported, because: asked to be forgotten (1).",
        ),
        (
            Reach(NOW, 9, 9, 5, {reason: place for place, reason in enumerate(list(HoldReason)[:6], start=1)}),
            "Reports 5 learners in 9 of 9 courses; 21 others are not reported, because: no email address (6), course "
            "no longer in the LMS (5), no account any more (4), asked to be forgotten (3), account not active (2), "
            "never enrolled (1).",
        ),
    ],
)
def test_the_sentence(found: Reach, expected: str) -> None:
    assert sentence(found) == expected


def test_every_reason_has_its_few_words() -> None:
    assert set(labels.HOLDS_IN_SHORT) == set(HoldReason)


def test_numbers_are_written_as_the_reader_writes_them() -> None:
    with translation.override("de"):
        assert number(3180) == "3.180"
    assert [number(count, is_about=True) for count in (7, 97, 104, 2891)] == [
        "about 7",
        "about 97",
        "about 100",
        "about 2,900",
    ]


def test_a_site_that_reports_nothing_says_why() -> None:
    mistake = PercipioConfigurationError("PERCIPIO_LEARNERS", "is empty; write all, or sso:<provider>")

    assert whom(mistake) == (
        "Nothing is reported: PERCIPIO_LEARNERS: is empty; write all, or sso:<provider>.",
        None,
        False,
    )
    assert whom(None).sentence == "Nothing is reported: this site is switched off, or has no configuration."


def test_an_lms_that_cannot_be_asked_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise PlatformUnavailable("student.models.CourseEnrollment", "failed with OperationalError")

    monkeypatch.setattr(edx_platform, "enrollment_counts", broken)

    assert whom(of_site()).sentence == (
        "Whom this site reports cannot be counted now: student.models.CourseEnrollment failed with OperationalError."
    )


def test_the_numbers_are_remembered_for_each_configuration(django_assert_num_queries: Any) -> None:
    learner = a_learner()
    enrolled(learner, a_course())
    first = whom(of_site())
    get_user_model().objects.update(is_active=False)
    configuration = of_site()

    with django_assert_num_queries(0):
        assert whom(configuration) == first
    assert whom(of_site(learners="sso:tpa-saml")).sentence != first.sentence
    again = whom(of_site(), fresh=True)
    assert again.sentence.startswith("Reports 0 learners")
    assert again.is_nobody
    assert again == whom(of_site())


@override_settings(CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "r"}})
def test_what_is_remembered_names_nobody_and_holds_no_secret() -> None:
    enrolled(a_learner("canary-learner", name="Canary Name"), a_course())
    whom(of_site())
    held: Any = cache
    kept = repr(held._cache)

    assert "percipio_openedx:reach:" in kept
    assert "canary" not in kept.lower()


class Colliding(str):
    """A text that stands in a set in the order in which it was put there, as others do in another process."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 1


def test_what_one_process_counted_another_one_recalls() -> None:
    """The order of a set is each process's own, and a configuration has one."""
    of_other_processes = []
    for words in (("passed", "failed"), ("failed", "passed")):
        one = of_site()
        milestones: Any = frozenset(map(Colliding, words))
        of_other_processes.append(replace(one, policy=replace(one.policy, milestones=milestones)))
    assert repr(of_other_processes[0]) != repr(of_other_processes[1])
    first = whom(of_other_processes[0])
    a_learner("bela")
    assert whom(of_other_processes[1]) == first
