"""Forgetting a learner: everything goes here, and what Percipio has to erase is written down as pseudonyms."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils import timezone

from percipio_openedx.db import persistently, without_gap_locks
from percipio_openedx.enums import Api
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.learner_course import LearnerCourse, ObservationFailure
from percipio_openedx.models.operations import ErasureRequest
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.reporting import traces

logger = logging.getLogger(__name__)

# Where a statement can be that never left.
UNSENT = (State.OUTDATED, State.WAITING, State.SKIPPED, State.DISCARDED)


# A site, and a Percipio organization as its addresses name it.
Place = tuple[int, str]


@dataclass(slots=True)
class Course:
    """One of the learner's courses: how many of its statements are here, how many never left, where the others went.

    They may have gone to several places: the learner's organization, or the course's site, was another one once.
    """

    row: LearnerCourse
    here: int = 0
    unsent: int = 0
    sent: Counter[Place] = field(default_factory=Counter)

    @property
    def may_be_there(self) -> bool:
        """Whether Percipio may hold anything of it; also of what was pruned here since."""
        return self.row.sequence > self.unsent


@dataclass(slots=True)
class Asked:
    """What one organization of one site is to be asked for."""

    registrations: list[str] = field(default_factory=list)
    statements: int = 0


def erase(user_id: int) -> int:
    """Delete every statement and every row about a learner; the number of statements. All or nothing, but for what is
    masked elsewhere.

    What Percipio may hold already has to be erased there, by Skillsoft, on the site's request: an ``ErasureRequest``
    says which registrations. What is said of the learner elsewhere goes first, for the statements know the words.
    """
    traces.clear(user_id)
    return _erase(user_id)


@persistently
def _erase(user_id: int) -> int:
    with without_gap_locks():
        courses = _courses(user_id)
        _ask(courses)
        pks = [course.row.pk for course in courses]
        statements, _ = Statement.objects.filter(learner_course_id__in=pks).delete()
        LearnerCourse.objects.filter(pk__in=pks).delete()
        ObservationFailure.objects.filter(user_id=user_id).delete()
    logger.info("learner erased user=%s statements=%s courses=%s", user_id, statements, len(courses))
    return statements


def _courses(user_id: int) -> Sequence[Course]:
    """Locked, so that nothing is sent or written meanwhile."""
    rows = LearnerCourse.objects.select_for_update().filter(user_id=user_id).order_by("pk")
    courses = {row.pk: Course(row) for row in rows}
    statements = Statement.objects.select_for_update().filter(learner_course_id__in=list(courses)).order_by("pk")
    columns = ("learner_course_id", "state", "attempts", "status", "destination_id")
    places = {
        pk: (site_id, name) for pk, site_id, name in Destination.objects.values_list("pk", "site_id", "organization")
    }
    for pk, state, attempts, status, destination in statements.values_list(*columns):
        course = courses[pk]
        course.here += 1
        # What is outdated was never sent, or refused; its tries are those to build it.
        was_tried = attempts and state != State.OUTDATED
        if state in UNSENT and not was_tried and status is None:
            course.unsent += 1
        else:
            course.sent[places[destination]] += 1
    return list(courses.values())


def _ask(courses: Iterable[Course]) -> None:
    found: dict[Place, Asked] = defaultdict(Asked)
    for course in courses:
        if not course.may_be_there:
            continue
        pruned = course.row.sequence - course.here
        if pruned:
            # Where those went is not known any more; where others of the course went is likeliest.
            place = next(iter(course.sent), None)
            course.sent[place or (course.row.site_id, _only_organization(course.row.site_id))] += pruned
        for place, count in course.sent.items():
            found[place].registrations.append(str(course.row.registration))
            found[place].statements += count
    now = timezone.now()
    for (site_id, organization), asked in found.items():
        ErasureRequest.objects.create(
            site_id=site_id,
            organization=organization,
            api=_api(site_id, organization),
            registrations="\n".join(asked.registrations),
            statements=asked.statements,
            erased_at=now,
        )


def _only_organization(site_id: int) -> str:
    """Where all of a site's statements go; ``''`` where they go to several."""
    rows = Destination.objects.filter(site_id=site_id).order_by()
    names = list(rows.values_list("organization", flat=True).distinct()[:2])
    return names[0] if len(names) == 1 else ""


def _api(site_id: int, organization: str) -> str:
    """Whether anything ever went by the Track API, whose records carry no registration."""
    attempts = DeliveryAttempt.objects.filter(
        destination__site_id=site_id, destination__organization=organization, api=Api.TRACK
    )
    return Api.TRACK.value if attempts.exists() else Api.STATEMENTS.value
