"""The pure heart: what is due, in which order, and that the number and the time of the looks do not matter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from percipio_openedx.data import (
    Activity,
    Certificate,
    Enrollment,
    Grade,
    Milestone,
    Observed,
    Policy,
    Progress,
    Reported,
)
from percipio_openedx.enums import CompletedOn, Kind, LockedUnits, StartedOn, Undone
from percipio_openedx.reporting.milestones import awaits_certificate, due, needs_percent

MONDAY = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


def at(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def observed(**changes: object) -> Observed:
    return replace(Observed(enrollment=Enrollment(created=at(0)), is_graded=True), **changes)


PASSED = Grade(fraction=0.85, passing=True, passed_at=at(5), changed=at(5))
FAILED_AGAIN = Grade(fraction=0.2, passing=False, passed_at=at(5), changed=at(9))
HELD = Certificate(created=at(6), is_held=True, changed=at(6))
REVOKED = Certificate(created=at(6), is_held=False, changed=at(8))
SCORE = 0.85


def active(percent: int | None, last: float = 4) -> dict[str, object]:
    return {"percent": percent, "activity": Activity(first=at(1), last=at(last), version=str(last))}


STARTED = Milestone(Kind.STARTED, at(0))
TOLD = [kind for kind in Kind if kind is not Kind.RETRACTED]


@pytest.mark.parametrize(
    ("reported", "now", "policy", "expected"),
    [
        # nobody enrolled: nothing
        (Reported(), Observed(), Policy(), ()),
        # enrolled
        (Reported(), observed(), Policy(), (STARTED,)),
        (Reported(started=True), observed(), Policy(), ()),
        # started on first activity
        (Reported(), observed(), Policy(started_on=StartedOn.FIRST_ACTIVITY), ()),
        (
            Reported(),
            observed(**active(3)),
            Policy(started_on=StartedOn.FIRST_ACTIVITY),
            (Milestone(Kind.STARTED, at(1)),),
        ),
        # a step of progress carries the true share
        (Reported(), observed(**active(33)), Policy(), (STARTED, Milestone(Kind.PROGRESSED, at(4), percent=33))),
        (Reported(started=True, percent=33), observed(**active(39)), Policy(), ()),
        (
            Reported(started=True, percent=33),
            observed(**active(40)),
            Policy(),
            (Milestone(Kind.PROGRESSED, at(4), percent=40),),
        ),
        # 0 is no progress, and all units without a completion are the most progress there is, once
        (Reported(started=True), observed(**active(0)), Policy(progress_step=1), ()),
        (Reported(started=True), observed(**active(100)), Policy(), (Milestone(Kind.PROGRESSED, at(4), percent=99),)),
        (
            Reported(started=True, percent=95),
            observed(**active(100)),
            Policy(progress_step=100, completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.PROGRESSED, at(4), percent=99),),
        ),
        (Reported(started=True, percent=99), observed(**active(100)), Policy(progress_step=1), ()),
        # units that are locked for the learner count as not done, or are left out
        (
            Reported(started=True),
            observed(**active(50), percent_unlocked=100),
            Policy(completed_on=CompletedOn.PROGRESS),
            (Milestone(Kind.PROGRESSED, at(4), percent=50),),
        ),
        (
            Reported(started=True),
            observed(**active(50), percent_unlocked=100, is_graded=False),
            Policy(completed_on=CompletedOn.PROGRESS, locked_units=LockedUnits.LEAVE_OUT),
            (Milestone(Kind.COMPLETED, at(4)),),
        ),
        # progress never goes back
        (Reported(started=True, percent=80), observed(**active(20)), Policy(), ()),
        # all at once, in order, and no progress beside the completion
        (
            Reported(),
            observed(**active(90), grade=PASSED),
            Policy(),
            (
                STARTED,
                Milestone(Kind.PASSED, at(5), score=SCORE, success=True),
                Milestone(Kind.COMPLETED, at(5), score=SCORE, success=True),
            ),
        ),
        # a pass in a course that is completed by its units
        (
            Reported(started=True),
            observed(**active(60), grade=PASSED),
            Policy(completed_on=CompletedOn.PROGRESS),
            (
                Milestone(Kind.PROGRESSED, at(4), percent=60),
                Milestone(Kind.PASSED, at(5), score=SCORE, success=True),
            ),
        ),
        # completed by units in a course without grades
        (
            Reported(started=True),
            observed(**active(100), is_graded=False),
            Policy(completed_on=CompletedOn.PROGRESS),
            (Milestone(Kind.COMPLETED, at(4)),),
        ),
        # the earliest of the three counts, and a later pass is not reported after it
        (
            Reported(started=True),
            observed(**active(100), grade=PASSED, certificate=HELD),
            Policy(completed_on=CompletedOn.ANY),
            (Milestone(Kind.COMPLETED, at(4), score=SCORE, success=True),),
        ),
        # a certificate without any activity implies the start
        (
            Reported(),
            observed(certificate=HELD, is_graded=False),
            Policy(started_on=StartedOn.FIRST_ACTIVITY, completed_on=CompletedOn.CERTIFICATE),
            (STARTED, Milestone(Kind.COMPLETED, at(6))),
        ),
        # passed and failed again before anybody looked: neither is true any more
        (Reported(), observed(grade=FAILED_AGAIN), Policy(), (STARTED,)),
        (Reported(), observed(grade=FAILED_AGAIN), Policy(completed_on=CompletedOn.ANY), (STARTED,)),
        # completed by a certificate while failing: success and score are of the same grade
        (
            Reported(started=True),
            observed(grade=FAILED_AGAIN, certificate=HELD),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.COMPLETED, at(6), score=0.2, success=False),),
        ),
        # and neither contradicts a pass that was told and is kept
        (
            Reported(started=True, passed=True),
            observed(grade=FAILED_AGAIN, certificate=HELD),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.COMPLETED, at(6)),),
        ),
        # a certificate counts from when it is held, not from when its row was made, nor from when it was renewed
        (
            Reported(started=True),
            observed(certificate=replace(HELD, created=at(2), changed=at(7)), is_graded=False),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.COMPLETED, at(7)),),
        ),
        (
            Reported(started=True),
            observed(certificate=replace(HELD, created=at(2), held_since=at(3), changed=at(7)), is_graded=False),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.COMPLETED, at(3)),),
        ),
        # and from the day from which the course shows it
        (
            Reported(started=True),
            observed(certificate=replace(HELD, available_at=at(8)), is_graded=False),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.COMPLETED, at(8)),),
        ),
        (
            Reported(started=True),
            observed(certificate=replace(HELD, available_at=at(8), is_available=False)),
            Policy(completed_on=CompletedOn.CERTIFICATE),
            (),
        ),
        # a day that is put off takes nothing back
        (
            Reported(started=True, completed=True),
            observed(certificate=replace(HELD, available_at=at(99), is_available=False)),
            Policy(undone=Undone.RETRACT, completed_on=CompletedOn.CERTIFICATE),
            (),
        ),
        # a revoked certificate completes nothing
        (Reported(started=True), observed(certificate=REVOKED), Policy(completed_on=CompletedOn.CERTIFICATE), ()),
        # what the LMS takes back is kept, unless the site retracts
        (Reported(started=True, passed=True, completed=True), observed(grade=FAILED_AGAIN), Policy(), ()),
        (
            Reported(started=True, passed=True, completed=True),
            observed(grade=FAILED_AGAIN),
            Policy(undone=Undone.RETRACT),
            (
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.COMPLETED),
                Milestone(Kind.RETRACTED, at(9), retracts=Kind.PASSED),
            ),
        ),
        # retracted once, not in a loop; and passed again in a new round
        (
            Reported(started=True, passed_round=1, completed_round=1),
            observed(grade=FAILED_AGAIN),
            Policy(undone=Undone.RETRACT),
            (),
        ),
        (
            Reported(started=True, passed_round=1, completed_round=1),
            observed(grade=PASSED),
            Policy(undone=Undone.RETRACT),
            (
                Milestone(Kind.PASSED, at(5), score=SCORE, success=True, round=1),
                Milestone(Kind.COMPLETED, at(5), score=SCORE, success=True, round=1),
            ),
        ),
        # the second time has the second date
        (
            Reported(started=True, passed_round=1, completed_round=1, turned_at=at(9)),
            observed(grade=replace(PASSED, changed=at(12))),
            Policy(undone=Undone.RETRACT),
            (
                Milestone(Kind.PASSED, at(12), score=SCORE, success=True, round=1),
                Milestone(Kind.COMPLETED, at(12), score=SCORE, success=True, round=1),
            ),
        ),
        # and whatever makes it complete again, it is later than the retraction
        (
            Reported(started=True, completed_round=1, turned_at=at(9)),
            observed(**active(100), is_graded=False),
            Policy(undone=Undone.RETRACT, completed_on=CompletedOn.ANY),
            (Milestone(Kind.COMPLETED, at(9) + timedelta(milliseconds=1), round=1),),
        ),
        # completed by its units after the pass was gone: that pass takes nothing back when the course grows
        (
            Reported(started=True, completed=True, turned_at=at(11)),
            observed(**active(90, last=11), grade=FAILED_AGAIN),
            Policy(undone=Undone.RETRACT, completed_on=CompletedOn.ANY),
            (),
        ),
        # a revoked certificate takes back the completion, not the pass
        (
            Reported(started=True, passed=True, completed=True),
            observed(grade=PASSED, certificate=REVOKED),
            Policy(undone=Undone.RETRACT, completed_on=CompletedOn.CERTIFICATE),
            (Milestone(Kind.RETRACTED, at(8), retracts=Kind.COMPLETED),),
        ),
        # a course that grew a unit takes nothing back, nor does a grade that is not there
        (
            Reported(started=True, passed=True, completed=True),
            observed(**active(90)),
            Policy(undone=Undone.RETRACT, completed_on=CompletedOn.PROGRESS),
            (),
        ),
    ],
)
def test_due(reported: Reported, now: Observed, policy: Policy, expected: tuple[Milestone, ...]) -> None:
    assert due(reported, now, policy)[1] == expected


@pytest.mark.parametrize(
    ("progress", "percent", "unlocked"),
    [
        (Progress(2, 2), 50, 50),
        (Progress(2, 0, 2), 50, 100),
        (Progress(0, 0, 3), 0, None),
        (Progress(0, 0), None, None),
        (Progress(199, 1), 99, 99),
        (Progress(4, 0), 100, 100),
    ],
)
def test_a_share_is_the_platforms_own_number_and_that_of_the_unlocked_units(
    progress: Progress, percent: int | None, unlocked: int | None
) -> None:
    assert (progress.percent, progress.percent_unlocked) == (percent, unlocked)


WAITING = replace(HELD, is_available=False, available_at=at(99))


@pytest.mark.parametrize(
    ("reported", "now", "completed_on", "expected"),
    [
        (Reported(), observed(certificate=WAITING), CompletedOn.CERTIFICATE, True),
        (Reported(), observed(certificate=replace(WAITING, available_at=None)), CompletedOn.ANY, True),
        (Reported(), observed(certificate=WAITING), CompletedOn.PASSED, False),
        (Reported(completed=True), observed(certificate=WAITING), CompletedOn.ANY, False),
        (Reported(), observed(certificate=HELD), CompletedOn.CERTIFICATE, False),
        (Reported(), observed(certificate=replace(WAITING, is_held=False)), CompletedOn.CERTIFICATE, False),
        (Reported(), observed(), CompletedOn.CERTIFICATE, False),
        (Reported(), Observed(certificate=WAITING), CompletedOn.CERTIFICATE, False),
    ],
)
def test_whether_a_certificate_is_awaited(
    reported: Reported, now: Observed, completed_on: CompletedOn, expected: bool
) -> None:
    assert awaits_certificate(reported, now, Policy(completed_on=completed_on)) is expected


policies = st.builds(
    Policy,
    started_on=st.sampled_from(StartedOn),
    completed_on=st.sampled_from(CompletedOn),
    progress_step=st.integers(1, 100),
    undone=st.just(Undone.KEEP),
    locked_units=st.sampled_from(LockedUnits),
    milestones=st.sets(st.sampled_from(TOLD), min_size=1).map(frozenset),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Observed]:
    """The states that a learner's life in a course goes through, each later one at a later hour, in any order
    of acts.
    """
    acts = draw(st.lists(st.sampled_from(["work", "pass", "certificate"]), min_size=1, max_size=8))
    states = [Observed(enrollment=Enrollment(created=at(0)), is_graded=draw(st.booleans()))]
    for hour, act in enumerate(acts, start=1):
        now = states[-1]
        if act == "work":
            done = draw(st.integers(now.percent or 0, 100))
            if now.percent != 100:
                first = now.activity.first or at(hour)
                activity = Activity(first=first, last=at(hour), version=str(hour))
                now = replace(now, percent=done, percent_unlocked=done, activity=activity)
        elif act == "pass" and now.grade is None:
            now = replace(now, grade=Grade(0.8, passing=True, passed_at=at(hour), changed=at(hour)))
        elif act == "certificate" and now.certificate is None:
            now = replace(now, certificate=Certificate(created=at(hour), is_held=True, changed=at(hour)))
        states.append(now)
    return states


def reported_by(observations: list[Observed], policy: Policy) -> list[Milestone]:
    reported, found = Reported(), []
    for now in observations:
        reported, more = due(reported, now, policy)
        found.extend(more)
    return found


def facts(found: list[Milestone]) -> list[tuple[Kind, datetime]]:
    return sorted((one.kind, one.at) for one in found if one.kind is not Kind.PROGRESSED)


@given(history=histories(), policy=policies, data=st.data())
def test_the_looks_do_not_matter(history: list[Observed], policy: Policy, data: st.DataObject) -> None:
    """Any looks that end with the last state tell the same started, passed and completed, with the same
    times.
    """
    places = data.draw(st.lists(st.integers(0, len(history) - 1), max_size=12).map(sorted))
    observations = [history[place] for place in places] + [history[-1]]

    found = reported_by(observations, policy)

    assert facts(found) == facts(reported_by([history[-1]], policy))
    answers = [one.percent for one in found if one.kind is Kind.PROGRESSED]
    assert answers == sorted(set(answers))
    assert all(0 < progress < 100 for progress in answers if progress is not None)


@given(history=histories(), policy=policies)
def test_looking_twice_tells_nothing_new(history: list[Observed], policy: Policy) -> None:
    reported = Reported()
    for now in history:
        reported, _ = due(reported, now, policy)
        assert due(reported, now, policy) == (reported, ())


@given(history=histories(), policy=policies)
def test_order_and_silence_after_completion(history: list[Observed], policy: Policy) -> None:
    kinds = [one.kind for one in reported_by(history, policy)]

    assert kinds[:1] in ([], [Kind.STARTED]) or Kind.STARTED not in policy.milestones
    assert policy.milestones.issuperset(kinds)
    assert kinds.count(Kind.STARTED) <= 1
    assert kinds.count(Kind.PASSED) <= 1
    if Kind.COMPLETED in kinds:
        assert kinds.index(Kind.COMPLETED) == len(kinds) - 1


@given(history=histories(), policy=policies)
def test_the_share_is_not_asked_for_in_vain(history: list[Observed], policy: Policy) -> None:
    """Where ``needs_percent`` says no, what is due is the same whatever the share."""
    reported = Reported()
    for now in history:
        if not needs_percent(reported, now, policy):
            outcomes = {
                due(reported, replace(now, percent=percent, percent_unlocked=percent), policy)
                for percent in (None, 0, 55, 100)
            }
            assert len(outcomes) == 1
        reported, _ = due(reported, now, policy)


ACTS = ("work", "grow", "lock", "unlock", "reset", "pass", "fail", "hold", "revoke", "postpone", "show")
ENDS = ("end", "extend", "leave", "return")


@st.composite
def turbulent_histories(draw: st.DrawFn) -> list[Observed]:
    """Lives with everything that the LMS can take back: each state at an hour later than the one before."""
    is_graded = draw(st.booleans())
    states = [Observed(enrollment=Enrollment(created=at(0)), is_graded=is_graded)]
    units, locked, done = 4, 0, 0
    for hour, act in enumerate(draw(st.lists(st.sampled_from(ACTS + ENDS), min_size=4, max_size=14)), start=1):
        now, moment = states[-1], at(hour)
        grade, certificate = now.grade, now.certificate
        if act == "work":
            done = min(units - locked, done + draw(st.integers(1, 4)))
            first = now.activity.first or moment
            now = replace(now, activity=Activity(first=first, last=moment, version=str(hour)))
        elif act == "grow":
            units += 1
        elif act == "lock":
            locked = min(units - done, locked + 2)
        elif act == "unlock":
            locked = 0
        elif act == "reset":
            done = max(0, done - 1)
        elif act == "pass":
            first_pass = grade.passed_at if grade and grade.passed_at else moment
            now = replace(now, grade=Grade(0.8, passing=True, passed_at=first_pass, changed=moment))
        elif act == "fail":
            now = replace(
                now, grade=Grade(0.3, passing=False, passed_at=grade.passed_at if grade else None, changed=moment)
            )
        elif act == "hold" and not (certificate and certificate.is_held):
            created = certificate.created if certificate else moment
            now = replace(now, certificate=Certificate(created, is_held=True, changed=moment, held_since=moment))
        elif act == "revoke" and certificate:
            now = replace(now, certificate=Certificate(certificate.created, is_held=False, changed=moment))
        elif act == "postpone" and certificate:
            now = replace(now, certificate=replace(certificate, is_available=False, available_at=at(99)))
        elif act == "show" and certificate:
            now = replace(now, certificate=replace(certificate, is_available=True, available_at=moment))
        elif act == "end":
            now = replace(now, ends_at=moment, has_ended=True)
        elif act == "extend":
            now = replace(now, ends_at=at(99), has_ended=False)
        elif act in ("leave", "return"):
            now = replace(now, enrollment=Enrollment(created=at(0), is_active=act == "return"))
        progress = Progress(done, units - locked - done, locked)
        if now.activity.last is not None:
            now = replace(now, percent=progress.percent, percent_unlocked=progress.percent_unlocked)
        states.append(now)
    return states


@pytest.mark.slow
@settings(max_examples=1000)
@given(
    history=turbulent_histories(),
    policy=st.builds(replace, policies, undone=st.sampled_from(Undone)),
    unseen=st.sets(st.integers(0, 14), max_size=8),
)
def test_the_reports_of_a_learner_never_contradict_each_other(
    history: list[Observed], policy: Policy, unseen: set[int]
) -> None:
    """Whatever happens in the LMS, and however seldom anybody looks."""
    reported = Reported()
    all_found: list[Milestone] = []
    for hour, now in enumerate(history):
        if hour in unseen:
            continue
        reported, found = due(reported, now, policy)
        assert due(reported, now, policy) == (reported, ())
        for one in found:
            assert one.at <= at(hour) + timedelta(milliseconds=len(history)), "nothing is dated after the look"
            if one.kind is Kind.PASSED:
                assert now.grade is not None and now.grade.passing
            if one.kind is Kind.FAILED:
                assert now.has_ended and now.ends_at is not None and now.is_graded
                assert now.grade is not None and not now.grade.passing and one.at >= now.ends_at
            if one.kind in (Kind.PASSED, Kind.FAILED, Kind.COMPLETED) and one.score is not None:
                assert now.grade is not None
                assert (one.score, one.success) == (now.grade.fraction, now.grade.passing)
            if one.kind is Kind.COMPLETED:
                assert one.at >= min(_became_true(history[: hour + 1], policy))
        all_found.extend(found)

    _stand_together(all_found)


def _became_true(history: list[Observed], policy: Policy) -> list[datetime]:
    """When each way that may complete the course, and does now, came true in the LMS for the first time."""
    now = history[-1]
    way = policy.completed_on
    if way is CompletedOn.COURSE:
        way = CompletedOn.PASSED if now.is_graded else CompletedOn.PROGRESS
    by_grade = now.grade and now.grade.passing and way in (CompletedOn.PASSED, CompletedOn.ANY)
    by_units = now.progress(policy) == 100 and way in (CompletedOn.PROGRESS, CompletedOn.ANY)
    certificate = now.certificate
    by_certificate = certificate and way in (CompletedOn.CERTIFICATE, CompletedOn.ANY)
    return [
        *([now.grade.passed_at] if by_grade and now.grade and now.grade.passed_at else []),
        *([now.activity.last] if by_units and now.activity.last else []),
        *([certificate.awarded_at] if by_certificate and certificate and certificate.awarded_at else []),
    ]


def _stand_together(reported: list[Milestone]) -> None:
    """What a reader sees who takes the reports one after the other, as they stand."""
    standing: dict[Kind, Milestone] = {}
    taken_back: dict[Kind, datetime] = {}
    percent = 0
    assert len({(one.kind, one.value) for one in reported}) == len(reported)
    for one in reported:
        if one.kind is Kind.RETRACTED:
            assert one.retracts in standing
            assert one.at > standing.pop(one.retracts).at
            taken_back[one.retracts] = one.at
            continue
        assert one.kind not in standing or one.kind is Kind.PROGRESSED
        assert Kind.COMPLETED not in standing, "nothing is told after a completion"
        assert one.kind is not Kind.STARTED or one is reported[0], "the start is told first or not at all"
        if Kind.FAILED in standing:
            assert one.kind in (Kind.PASSED, Kind.COMPLETED) and one.at > standing[Kind.FAILED].at
        assert not (one.kind is Kind.FAILED and Kind.PASSED in standing), "a pass that stands is not contradicted"
        if one.kind is Kind.PROGRESSED:
            assert one.percent is not None
            assert percent < one.percent <= 99
            percent = one.percent
            continue
        if one.kind in taken_back:
            assert one.at > taken_back[one.kind]
        if one.kind is Kind.COMPLETED and Kind.PASSED in standing:
            assert one.success is not False
        standing[one.kind] = one
