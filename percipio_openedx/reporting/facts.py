"""What is known before anything is decided: the state of courses and learners in the LMS, and what was reported.

The LMS is read in a constant number of queries, for many learners at once. A worker observes a learner in a course
under a lease, so that no other does; leases are claimed in bulk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.db import IntegrityError

from percipio_openedx import config, edx_platform
from percipio_openedx.config import Configuration
from percipio_openedx.data import Activity, Course, Enrollment, Learner, LearnerIdentity, Observed
from percipio_openedx.db import persistently
from percipio_openedx.enums import Kind, Retakes
from percipio_openedx.models.catalog import OverrideBook
from percipio_openedx.models.destination import Place, may_go
from percipio_openedx.models.learner_course import LONGEST_CONTENT_ID, LearnerCourse
from percipio_openedx.models.statement import Statement, unleased
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.reporting import identity
from percipio_openedx.statements import content
from percipio_openedx.statements.ids import actor_key_of

# Longer than an observation takes (the platform may need half a second for each learner's progress). A dead worker's
# leases expire after this.
LEASE = timedelta(seconds=60)
LEASE_FOR_EACH = timedelta(seconds=0.6)
# The ORM makes two containers of each value of an INSERT: more rows at once would be the garbage collector's work, and
# a row of statements may exceed 16 KB where ``max_allowed_packet`` is 16 MB.
ROWS_IN_AN_INSERT = 50


# --- the state in the LMS ---------------------------------------------------------------------------------------------


class CourseBook:
    """The courses of one pass. Nothing is cached longer: a renamed course is reported by its new name."""

    def __init__(self) -> None:
        self._courses: dict[str, Course | None] = {}
        self._configurations: dict[str, Configuration | None] = {}

    def get(self, course_key: str) -> Course | None:
        """Return a course run as it is to be reported, None if unknown, or raise ``PlatformUnavailable``.

        A course that is left out is not read: it may be left out because the LMS cannot read it.
        """
        if course_key not in self._courses:
            answer = OverrideBook([course_key]).of(course_key)
            if answer is not None and not answer.is_reported:
                course: Course | None = Course(key=course_key, org="", is_reported=False)
            else:
                course = edx_platform.course(course_key)
                if course is not None and answer is not None:
                    course = replace(course, content_id=answer.content_id, offer=answer.offer)
            self._courses[course_key] = course
        return self._courses[course_key]

    def configuration(self, course_key: str) -> Configuration | None:
        """Return the configuration in force for a course run, None if it reports nothing; raises as ``for_site``."""
        org = edx_platform.org_of(course_key)
        if org not in self._configurations:
            self._configurations[org] = config.for_site(config.site_id_for(org))
        return self._configurations[org]


def left_out(course_keys: Iterable[str]) -> set[str]:
    """Return those of these course runs that an operator left out. One query, for any number of them."""
    book = OverrideBook()
    answers = ((key, book.of(key)) for key in course_keys)
    return {key for key, answer in answers if answer is not None and not answer.is_reported}


def read(
    course: Course, user_ids: Sequence[int], configuration: Configuration, now: datetime, *, makes_ids: bool = True
) -> dict[int, tuple[Learner | None, Observed]]:
    """Read these learners and their observed state in this course run, without the expensive progress.

    Raises ``PlatformUnavailable``. ``makes_ids`` as in ``read_learners``.
    """
    learners = read_learners(user_ids, configuration, makes_ids=makes_ids)
    observed = read_observed(course, user_ids, edx_platform.enrollments(course.key, user_ids), now)
    return {user_id: (learners.get(user_id), observed[user_id]) for user_id in user_ids}


def read_observed(
    course: Course, user_ids: Collection[int], enrollments: Mapping[int, Enrollment], now: datetime
) -> dict[int, Observed]:
    """Read the same without accounts and links, of learners with these enrollments."""
    activities = edx_platform.activities(course.key, user_ids)
    grades = edx_platform.grades(course.key, user_ids)
    certificates = edx_platform.certificates(course.key, user_ids)

    def observed(user_id: int) -> Observed:
        activity = activities.get(user_id, Activity())
        # Known without asking; otherwise it is asked for where it matters.
        percent = None if activity.has_complete_block else 0
        return Observed(
            enrollment=enrollments.get(user_id),
            activity=activity,
            percent=percent,
            percent_unlocked=percent,
            grade=grades.get(user_id),
            certificate=certificates.get(user_id),
            is_graded=course.is_graded,
            ends_at=course.ends_at,
            has_ended=course.ends_at is not None and course.ends_at <= now,
        )

    return {user_id: observed(user_id) for user_id in user_ids}


def read_learners(
    user_ids: Sequence[int], configuration: Configuration, *, makes_ids: bool = True
) -> Mapping[int, Learner]:
    """Read these learners with all that decides whose they are and how they are named (``findings.finding_of``).

    The platform makes an external id when it is first asked for one. Unless ``makes_ids`` it is not asked, and each
    learner has a stand-in: for those who only count.
    """
    learners, names = edx_platform.learners(user_ids), config.retired_names()
    retiring = edx_platform.retiring(user_ids)
    links = edx_platform.social_links(user_ids) if identity.needs_links(configuration) else {}
    external: Mapping[int, str] = {}
    if identity.needs_external_ids(configuration):
        external = edx_platform.external_ids(user_ids) if makes_ids else dict.fromkeys(user_ids, "-")
    return {
        user_id: replace(
            learner,
            is_retired=user_id in retiring or names.has(learner),
            links=links.get(user_id, ()),
            external_id=external.get(user_id, ""),
        )
        for user_id, learner in learners.items()
    }


# --- rows under a lease -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """The leased rows of one course run, by user id; ``busy`` are learners leased by another worker."""

    lease: UUID
    rows: dict[int, LearnerCourse]
    busy: frozenset[int]


def claim(site_id: int, course_key: str, user_ids: Sequence[int], now: datetime) -> Claim:
    """Lease the free rows, creating missing ones. The number of queries does not grow with the learners.

    Rows of another site move to ``site_id``, the course run's site now.

    Raises:
        IntegrityError: a row can neither be created nor found. No lease is held then.
    """
    lease, root = uuid4(), config.lms_root()
    held = {"lease": lease, "leased_until": now + LEASE + len(user_ids) * LEASE_FOR_EACH}
    known = LearnerCourse.objects.filter(user_id__in=user_ids, course_key=course_key)
    missing = set(user_ids) - set(known.values_list("user_id", flat=True))
    new = [LearnerCourse.begun(root, user_id, course_key, site_id, **held) for user_id in sorted(missing)]
    # Workers that insert the same rows at once may deadlock.
    persistently(LearnerCourse.objects.bulk_create)(new, batch_size=ROWS_IN_AN_INSERT, ignore_conflicts=True)
    persistently(known.filter(unleased(now)).update)(**held, site_id=site_id)
    rows = {row.user_id: row for row in LearnerCourse.objects.filter(lease=lease)}
    busy = frozenset(user_ids) - frozenset(rows)
    if busy and known.filter(user_id__in=busy).count() < len(busy):
        # An INSERT that ignores existing rows also ignores rejected ones.
        release(lease)
        raise IntegrityError("a row of LearnerCourse cannot be made")
    return Claim(lease=lease, rows=rows, busy=busy)


@persistently
def release(lease: UUID) -> None:
    """Release the rows still held under ``lease``, unchanged."""
    LearnerCourse.objects.filter(lease=lease).update(lease=None, leased_until=None)


# --- the same content in other course runs (``PERCIPIO_RETAKES``) -----------------------------------------------------


def completed_elsewhere(
    configuration: Configuration, course: Course, accounts: Mapping[int, str]
) -> dict[int, datetime]:
    """Return, by learner, the latest completion reported of this site's other runs under the course's content id.

    ``accounts`` holds each learner's account ("" for a site without accounts): what another account was told counts for
    nothing here, since this one has no record that could go back. A completion that was retracted is none. One query,
    and another one if there are such completions.
    """
    if not accounts or configuration.policy.retakes is Retakes.EVERYTHING:
        return {}
    wanted = content.content_id(course, configuration.content_id, configuration.lms_root)[:LONGEST_CONTENT_ID]
    rows = LearnerCourse.objects.filter(user_id__in=accounts, site_id=configuration.site_id, reported_completed=True)
    rows = rows.filter(content_id=wanted).exclude(course_key=course.key)
    columns = ("pk", "user_id", "account", "content_id", "reported_completed_at")
    # MariaDB finds an id regardless of case; Percipio's catalog may hold both.
    completed = [row for row in rows.values_list(*columns) if row[3] == wanted and row[4] is not None]
    places = _places([row[0] for row in completed]) if completed else {}
    site_id, found = configuration.site_id, dict[int, datetime]()
    for pk, user_id, account, _, at in completed:
        # What was pruned here went, as far as anybody can tell, where the learner was then.
        if may_go(places.get(pk, (site_id, account)), (site_id, accounts[user_id])):
            found[user_id] = max(at, found.get(user_id, at))
    return found


def _places(rows: Iterable[int]) -> dict[int, Place]:
    """Return the place that each of these learners' latest completion was made for, by learner in a course."""
    made = Statement.objects.filter(learner_course_id__in=list(rows), kind=Kind.COMPLETED).order_by("sequence")
    columns = ("learner_course_id", "destination__site_id", "destination__account")
    return {pk: (site_id, account) for pk, site_id, account in made.values_list(*columns)}


# --- learners whom Percipio does not know -----------------------------------------------------------------------------


class RefusedName(NamedTuple):
    """The row of a learner unknown at a destination, and the key of the name that was refused there."""

    pk: int
    actor_key: str

    def is_of(self, identity: LearnerIdentity) -> bool:
        """Whether the learner is still called so; raises ``StatementError`` if no statement can name the learner."""
        return actor_key_of(content.learner(identity)) == self.actor_key


# By user id, account and Percipio organization, at the destinations of one site.
RefusedNames = Mapping[tuple[int, str, str], RefusedName]


def refused_names(configuration: Configuration, user_ids: Collection[int]) -> RefusedNames:
    """Return who of these is unknown to Percipio at the destinations of the site and its accounts. One query."""
    rows = UnknownLearner.objects.filter(user_id__in=user_ids, destination__site_id=configuration.site_id)
    if not configuration.accounts:
        rows = rows.filter(destination__account="", destination__own_credentials=configuration.own_credentials)
    columns = ("user_id", "destination__account", "destination__organization", "pk", "actor_key")
    return {
        (user_id, account, organization): RefusedName(pk, key)
        for user_id, account, organization, pk, key in rows.values_list(*columns)
    }
