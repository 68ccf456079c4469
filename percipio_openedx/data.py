"""The values that travel between the packages. No Django, no platform, no side effects.

Only ``Learner`` and ``LearnerIdentity`` hold personal data: a function with neither in its signature touches none.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from percipio_openedx.enums import (
    CompletedOn,
    HoldReason,
    Kind,
    LockedUnits,
    Offer,
    Offering,
    ProgressSource,
    ReportedCourses,
    Retakes,
    StartedOn,
    Undone,
)

# Seconds in a thousand hours: a course that is said to be longer is a mistake.
LONGEST_COURSE = 3_600_000
# Characters of a content id that a row can hold. An address of ours may be longer than a course key; more would be too
# long for an index of MySQL and MariaDB.
LONGEST_ID = 600
# What is reported unless a site chooses otherwise.
USUAL_MILESTONES = frozenset({Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.COMPLETED})


@dataclass(frozen=True, slots=True)
class Policy:
    """One site's choices about what to report and when; ``progress_step`` in percent points, 1 to 100."""

    started_on: StartedOn = StartedOn.ENROLLMENT
    completed_on: CompletedOn = CompletedOn.COURSE
    progress_step: int = 10
    undone: Undone = Undone.KEEP
    locked_units: LockedUnits = LockedUnits.COUNT
    progress_from: ProgressSource = ProgressSource.PLATFORM
    milestones: frozenset[Kind] = USUAL_MILESTONES
    retakes: Retakes = Retakes.COMPLETIONS


@dataclass(frozen=True, slots=True)
class CatalogPolicy:
    """One site's choices about Percipio's catalog: which course runs, and what is said where the LMS says nothing.

    ``duration`` in seconds, 0 for none; ``language`` is a language tag, or empty. ``push``: it is sent to Percipio,
    compared with the LMS every ``interval`` seconds, and a statement waits ``patience`` seconds at most for its item.
    """

    offering: Offering = Offering.NONE
    courses: ReportedCourses = ReportedCourses.ALL
    type: str = "COURSE"
    duration: int = 0
    language: str = ""
    push: bool = False
    interval: int = 3600
    patience: int = 86_400

    def offers(self, offer: str, *, is_visible: bool) -> bool:
        """Whether a course run is offered, given the operator's decision and whether the LMS's catalog shows it."""
        if self.offering is Offering.NONE or offer == Offer.WITHDRAWN:
            return False
        return offer == Offer.OFFERED or (self.offering is Offering.ALL_VISIBLE and is_visible)


class Enrollment(NamedTuple):
    """A learner's enrollment row: when it was first created, and whether it is active now."""

    created: datetime
    is_active: bool = True
    mode: str = ""


class Activity(NamedTuple):
    """First and last recorded completion in a course run, and its ``version``.

    ``has_complete_block``: some block is recorded as complete as a whole. Without one the progress is 0.
    """

    first: datetime | None = None
    last: datetime | None = None
    version: str = ""
    has_complete_block: bool = True


class Progress(NamedTuple):
    """Units of a course run as the platform counts them for one learner."""

    complete: int
    incomplete: int
    locked: int = 0

    @property
    def percent(self) -> int | None:
        """Return the whole percent of all units, rounded down; as in the platform, locked units are not done."""
        return _percent(self.complete, self.complete + self.incomplete + self.locked)

    @property
    def percent_unlocked(self) -> int | None:
        """Return the percent of the units that this learner may open."""
        return _percent(self.complete, self.complete + self.incomplete)


def _percent(part: int, whole: int) -> int | None:
    return part * 100 // whole if whole else None


@dataclass(frozen=True, slots=True)
class Grade:
    """A stored grade: ``fraction`` 0 to 1, ``passing`` now, ``passed_at`` the first time, which is never cleared."""

    fraction: float
    passing: bool
    passed_at: datetime | None = None
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """A course certificate, whose row (``created``, ``changed``) may be older than the certificate itself.

    ``is_held``: its status is *downloadable* now, ``held_since`` since when without a break (None if unknown).
    ``is_available``: the course shows its certificates now, ``available_at`` from which day (None if as soon as they
    are held, or never).
    """

    created: datetime
    is_held: bool
    changed: datetime | None = None
    held_since: datetime | None = None
    is_available: bool = True
    available_at: datetime | None = None

    @property
    def awarded_at(self) -> datetime | None:
        """Return since when the learner can show it; None if not now."""
        if not (self.is_held and self.is_available):
            return None
        since = self.held_since or self.changed or self.created
        return since if self.available_at is None else max(since, self.available_at)


@dataclass(frozen=True, slots=True)
class Observed:
    """The observed state of one learner in one course run; percents as in ``Progress``.

    ``ends_at`` is the end of the course run, None without one; ``has_ended``: it lies in the past.
    """

    enrollment: Enrollment | None = None
    activity: Activity = field(default_factory=Activity)
    percent: int | None = None
    grade: Grade | None = None
    certificate: Certificate | None = None
    is_graded: bool = False
    percent_unlocked: int | None = None
    ends_at: datetime | None = None
    has_ended: bool = False

    def progress(self, policy: Policy) -> int | None:
        """Return the progress in whole percent as a site counts it; None if unknown."""
        return self.percent_unlocked if policy.locked_units is LockedUnits.LEAVE_OUT else self.percent


@dataclass(frozen=True, slots=True)
class Reported:
    """The reported state of one learner in one course run.

    The rounds count the retractions of passed, failed and completed: after one, the same milestone gets a new id, since
    a voided statement's id is spent (xAPI 1.0.3 Data 2.3.2). ``anew`` counts how often an operator had everything
    reported again, to another account than before. ``turned_at`` is the latest time of a reported completion, failure
    or retraction: what is reported again has to be later. ``completed_at`` is that of the completion. Neither changes
    alone. ``elsewhere`` is the time of the latest completion that is reported of another run under the same content id.
    """

    started: bool = False
    percent: int = 0
    passed: bool = False
    failed: bool = False
    completed: bool = False
    passed_round: int = 0
    failed_round: int = 0
    completed_round: int = 0
    turned_at: datetime | None = field(default=None, compare=False)
    anew: int = 0
    completed_at: datetime | None = field(default=None, compare=False)
    elsewhere: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Milestone:
    """One fact to report, which came true in the LMS ``at`` that time.

    ``percent`` is whole, for progressed only; ``score`` (0 to 1) and ``success`` are for passed, failed and completed
    in a graded course; ``seconds`` are time on task. ``round`` (see ``Reported``) is that of passed, failed and
    completed, and of what a retraction takes back, ``retracts`` the kind of that statement; ``anew`` as there.
    """

    kind: Kind
    at: datetime
    percent: int | None = None
    score: float | None = None
    success: bool | None = None
    seconds: int | None = None
    round: int = 0
    retracts: Kind | None = None
    anew: int = 0

    @property
    def value(self) -> str:
        """Return what, with the kind, distinguishes it within its registration (decision record 0006)."""
        parts = [str(self.percent)] if self.kind is Kind.PROGRESSED else []
        parts += [str(self.retracts)] if self.retracts else []
        parts += [f"round-{self.round}"] if self.round else []
        return ":".join([*parts, f"anew-{self.anew}"] if self.anew else parts)


class Instructor(NamedTuple):
    """An instructor as the course names them; ``email`` may be empty."""

    name: str
    email: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """A course run as statements describe it.

    ``language`` is the course team's choice (``''`` if unknown), ``content_id`` the operator's own id for Percipio's
    catalog (``''`` for the site's rule), ``ends_at`` the end of the run, None without one, ``offer`` the operator's
    decision (``enums.Offer``), ``is_visible`` whether the LMS's catalog shows it.
    """

    key: str
    org: str
    number: str = ""
    run: str = ""
    name: str = ""
    description: str = ""
    language: str = ""
    instructors: tuple[Instructor, ...] = ()
    is_graded: bool = False
    is_reported: bool = True
    content_id: str = ""
    ends_at: datetime | None = None
    offer: str = ""
    is_visible: bool = True

    def hold(self, catalog: CatalogPolicy) -> HoldReason | None:
        """Return why no learner of this course run is reported, None if they are."""
        if not self.is_reported:
            return HoldReason.COURSE_LEFT_OUT
        if catalog.courses is ReportedCourses.ALL or catalog.offers(self.offer, is_visible=self.is_visible):
            return None
        return HoldReason.NOT_IN_CATALOG


@dataclass(frozen=True, slots=True)
class CourseRun:
    """A course run as the LMS's catalog describes it, without anything that has to be computed.

    ``org_name`` is the organization as the LMS displays it, ``effort`` free text of the course team, ``image`` a path
    or an address. ``is_visible``: the LMS's catalog shows it to everybody; ``is_hidden``: it is visible to staff only.
    """

    key: str
    org: str
    number: str
    run: str
    org_name: str = ""
    name: str = ""
    description: str = ""
    language: str = ""
    effort: str = ""
    image: str = ""
    start: datetime | None = None
    end: datetime | None = None
    enrollment_start: datetime | None = None
    enrollment_end: datetime | None = None
    is_visible: bool = True
    is_hidden: bool = False
    invitation_only: bool = False


@dataclass(frozen=True, slots=True)
class SocialLink:
    """A learner's single-sign-on link (``UserSocialAuth`` row); ``extra_data`` is None if unreadable."""

    id: int
    provider: str
    uid: str
    extra_data: dict[str, Any] | None = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Learner:
    """A learner's account as the LMS holds it. Personal data: never logged, never in a repr."""

    user_id: int
    is_active: bool
    is_retired: bool = False
    username: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    external_id: str = field(default="", repr=False)
    links: tuple[SocialLink, ...] = field(default=(), repr=False)


class NameFormat(NamedTuple):
    """What surrounds the hash in the name of a retired account, in lower case."""

    prefix: str
    suffix: str

    def fits(self, name: str) -> bool:
        """Whether a name has this form, regardless of case."""
        text = name.lower()
        return text.startswith(self.prefix) and text[len(self.prefix) :].endswith(self.suffix)


@dataclass(frozen=True, slots=True)
class RetiredNames:
    """The names that this LMS gives to retired accounts."""

    emails: tuple[NameFormat, ...] = ()
    usernames: tuple[NameFormat, ...] = ()

    def has(self, learner: Learner) -> bool:
        """Whether an account has such an email (replaced on request), or is inactive with such a username."""
        if any(form.fits(learner.email) for form in self.emails):
            return True
        return not learner.is_active and any(form.fits(learner.username) for form in self.usernames)


@dataclass(frozen=True, slots=True)
class LearnerIdentity:
    """How Percipio knows a learner: an email, or a home page and an account (xAPI 1.0.3 Data 2.4.2.3). Personal data.

    ``organization`` is the learner's own Percipio organization, ``''`` for the site's.
    """

    email: str = field(default="", repr=False)
    home_page: str = ""
    account: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    organization: str = ""

    @property
    def scalar(self) -> str:
        """Return the learner as in the Track API: an email, an external user id or a Percipio UUID."""
        return self.email or self.account
