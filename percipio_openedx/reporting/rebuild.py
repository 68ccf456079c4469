"""Rebuild what Percipio refused or was never sent, under its own id, from the current observed state (record 0017).

The fact stays the same: learner, course run, milestone, value, time, score and time on task come from the old
statement. The learner's identity, the course's content id and texts, and the destination are determined again.
What cannot be rebuilt backs off with the reason, and holds back only later statements of the same learner and course.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from django.db.models import Min
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import Learner, Milestone, Observed
from percipio_openedx.db import persistently
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import PercipioConfigurationError, PercipioError, StatementError
from percipio_openedx.models.destination import Destination, PullClient, may_go
from percipio_openedx.models.learner_course import LONGEST_CONTENT_ID, LearnerCourse, wait
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.models.unknown_learner import UnknownLearner
from percipio_openedx.reporting import facts, store
from percipio_openedx.reporting.facts import CourseBook, RefusedNames, refused_names
from percipio_openedx.reporting.findings import finding_of
from percipio_openedx.reporting.observe import context_of
from percipio_openedx.reporting.store import Replacement
from percipio_openedx.statements.build import build, milestone_of
from percipio_openedx.statements.content import StatementContext

logger = logging.getLogger(__name__)

# Statements of one destination rebuilt at once.
PAGE = 200
UNKNOWN = HoldReason.UNKNOWN_TO_PERCIPIO.value


@dataclass(slots=True)
class RebuildSummary:
    """How many statements were rebuilt, and how many could not be."""

    built: int = 0
    put_off: int = 0


@dataclass(slots=True)
class _Pass:
    deadline: float | None
    summary: RebuildSummary = field(default_factory=RebuildSummary)
    courses: CourseBook = field(default_factory=CourseBook)

    def is_over(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline


def rebuild_due(deadline: float | None = None) -> RebuildSummary:
    """Outdate what a changed configuration shaped otherwise, and rebuild what is due until ``deadline``."""
    work = _Pass(deadline)
    _compare(work)
    for rows in _pages(work):
        by_course: dict[str, list[Statement]] = defaultdict(list)
        for row in rows:
            by_course[row.learner_course.course_key].append(row)
        for course_key, of_course in by_course.items():
            if work.is_over():
                return work.summary
            with bulkhead(Boundary.COURSE, passes_outages=True) as contained:
                _rebuild_course(course_key, of_course, work)
            if contained.error is not None:
                _put_off(dict.fromkeys((row.pk for row in of_course), contained.reason), of_course, work)
    return work.summary


def next_at() -> datetime | None:
    return min(_first_by_destination().values(), default=None)


def try_now(site_id: int | None, now: datetime) -> int:
    """Make everything that could not be rebuilt due in the next pass; return the number of statements."""
    destinations = list(_first_by_destination())
    rows = Statement.objects.filter(destination_id__in=destinations, state=State.OUTDATED, due_at__gt=now)
    return (rows if site_id is None else rows.filter(site_id=site_id)).bring_forward(now)


# --- which ones ------------------------------------------------------------------------------------------------------


def _compare(work: _Pass) -> None:
    """Compare waiting statements once with each changed configuration; later ones are found when claimed."""
    for destination in Destination.objects.filter(is_catalog=False).order_by("pk"):
        with bulkhead(Boundary.ROW, passes_outages=True) as contained:
            _compare_one(destination, work)
        # A mistake in the configuration is reported elsewhere.
        if contained.error is not None and not isinstance(contained.error, PercipioConfigurationError):
            # What waits there is compared when claimed, and by the next pass.
            logger.error("comparing broke destination=%s error=%s", destination.pk, contained.reason)


def _compare_one(destination: Destination, work: _Pass) -> None:
    configuration = config.for_account(destination.site_id, destination.account)
    if configuration is None or destination.compared_with == configuration.fingerprint:
        return
    if destination.own_credentials and not configuration.own_credentials:
        # Statements made with the site's own credentials are never sent with those of the settings.
        return
    waiting = Statement.objects.filter(destination_id=destination.pk).shaped_otherwise(configuration.fingerprint)
    count = 0
    while pks := list(waiting.order_by("due_at", "id").values_list("pk", flat=True)[:PAGE]):
        if work.is_over():
            return
        count += persistently(Statement.objects.filter(pk__in=pks).outdate)(timezone.now())
    if count:
        logger.info("configuration changed destination=%s to_be_rebuilt=%s", destination.pk, count)
    Destination.objects.filter(pk=destination.pk).update(compared_with=configuration.fingerprint)


def _pages(work: _Pass) -> Iterator[list[Statement]]:
    """Yield what is due, by destination, in due order."""
    now = timezone.now()
    for pk in [pk for pk, first_at in _first_by_destination().items() if first_at <= now]:
        due = Statement.objects.filter(destination_id=pk, state=State.OUTDATED, due_at__lte=now)
        due = due.order_by("due_at", "id").select_related("learner_course", "destination")
        before: set[int] = set()
        while not work.is_over():
            rows = list(due[:PAGE])
            # If a row could not be written, the next pass retries it.
            if not rows or before.issuperset(row.pk for row in rows):
                break
            before = {row.pk for row in rows}
            yield rows


def _first_by_destination() -> dict[int, datetime]:
    """Return the earliest due time of outdated statements, by destination."""
    found = Statement.objects.filter(state=State.OUTDATED).order_by()
    return dict(found.values_list("destination_id").annotate(Min("due_at")))


# --- building --------------------------------------------------------------------------------------------------------


def _rebuild_course(course_key: str, rows: Sequence[Statement], work: _Pass) -> None:
    places = PullClient.places()
    if waiting := UnknownLearner.objects.of([row for row in rows if row.destination.place in places]):
        _put_off(dict.fromkeys(waiting, UNKNOWN), rows, work)
        rows = [row for row in rows if row.pk not in waiting]
    if pulled := [row.pk for row in rows if row.destination.place in places]:
        persistently(Statement.objects.filter(pk__in=pulled).keep_as_it_is)(timezone.now())
        rows = [row for row in rows if row.pk not in pulled]
    if not rows:
        return
    configuration = work.courses.configuration(course_key)
    if configuration is None:
        raise PercipioError("no configuration is in force for this site, or it is switched off")
    course = work.courses.get(course_key)
    if course is None or course.hold(configuration.catalog):
        raise PercipioError(HoldReason.UNKNOWN_COURSE if course is None else course.hold(configuration.catalog))
    user_ids = sorted({row.learner_course.user_id for row in rows})
    read = partial(facts.read, course, configuration=configuration, now=timezone.now())
    parts, unread = apart(Boundary.LEARNER, user_ids, read)
    seen = {user_id: one for part in parts for user_id, one in part.items()}
    context, refused = context_of(configuration, course), refused_names(configuration, user_ids)
    built: list[Replacement] = []
    reasons: dict[int, str] = {}
    for row in rows:
        user_id = row.learner_course.user_id
        with bulkhead(Boundary.STATEMENT, passes_outages=True) as contained:
            if user_id in unread:
                raise unread[user_id]
            built.append(_build(row, seen[user_id], configuration, refused, context))
        if contained.error is not None:
            reasons[row.pk] = contained.reason
    unwritten = store.rewrite(configuration, built)
    rewritten = {one.row.learner_course_id for one in built if one.row.pk not in unwritten}
    if rewritten:
        # Under which content id Percipio knows these from now on.
        known = LearnerCourse.objects.filter(pk__in=rewritten)
        persistently(known.update)(content_id=context.keywords["content_id"][:LONGEST_CONTENT_ID])
    reasons |= {pk: reason_of(error) for pk, error in unwritten.items()}
    work.summary.built += len(built) - len(unwritten)
    _put_off(reasons, rows, work)


def _build(
    row: Statement,
    seen: tuple[Learner | None, Observed],
    configuration: Configuration,
    refused: RefusedNames,
    context: Callable[..., StatementContext],
) -> Replacement:
    """Rebuild a statement; raise ``PercipioError`` if its learner cannot be named or it cannot be sent from here."""
    finding = finding_of(row.learner_course, *seen, configuration, refused)
    chosen = finding.configuration
    if chosen is not None:
        _check_place(row, chosen)
    if finding.identity is None or chosen is None:
        raise PercipioError(finding.problem.reason if finding.problem is not None else str(finding.hold))
    track = None if row.track is None else bytes(row.track)
    milestone = milestone_of(row.kind, row.value, row.happened_at, bytes(row.body), track)
    _check_stands(row, milestone)
    who = {"identity": finding.identity, "registration": row.registration, "user_id": row.learner_course.user_id}
    built = build(context(milestone=milestone, **who), now=timezone.now())
    if built.id != row.uuid:
        raise StatementError("id", "is another than that of the statement which it replaces")
    if built.retracts is not None:
        _check_target(built.retracts, chosen)
    return Replacement(row, built, (chosen, finding.identity.organization))


def _check_place(row: Statement, configuration: Configuration) -> None:
    """Raise ``PercipioError`` if a statement was made for another account, or for credentials that are gone."""
    destination = row.destination
    if not may_go(destination.place, configuration.place) and not row.may_move:
        raise PercipioError("the learner belongs to another account now")
    is_same_place = destination.place == configuration.place
    if is_same_place and destination.own_credentials and not configuration.own_credentials:
        raise PercipioError("the credentials of the site's own, with which this was made, are there no more")


def _check_stands(row: Statement, milestone: Milestone) -> None:
    """Raise ``PercipioError`` if the LMS took it back while it waited, and nobody was told that (``observe``)."""
    reported = row.learner_course.reported
    # Only passed, failed and completed are ever taken back.
    present = getattr(reported, f"{milestone.kind}_round", 0)
    if milestone.anew == reported.anew and milestone.round < present and row.voided_by is None:
        raise PercipioError("it was taken back meanwhile: discard it")


def _check_target(uuid: UUID, configuration: Configuration) -> None:
    """Raise ``PercipioError`` if a retraction would go to another account than what it takes back."""
    target = Statement.objects.filter(uuid=uuid).select_related("destination").only("destination").first()
    if target is not None and not may_go(target.destination.place, configuration.place):
        raise PercipioError("what it takes back was reported to another account")


def _put_off(reasons: Mapping[int, str], rows: Sequence[Statement], work: _Pass) -> None:
    """Back off for each statement that cannot be rebuilt; ``reasons`` by primary key."""
    now = timezone.now()
    alike: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in rows:
        if row.pk in reasons:
            alike[row.attempts, reasons[row.pk]].append(row.pk)
    for (attempts, reason), pks in alike.items():
        # Plus two, not one: ``wait(1)`` is zero, and a pass that follows at once would find nothing else.
        due_at = now + wait(attempts + 2)
        put_off = persistently(Statement.objects.filter(pk__in=pks).put_off)
        work.summary.put_off += put_off(due_at, f"cannot be rebuilt yet: {reason}")
        logger.warning("not rebuilt statements=%s reason=%s", len(pks), reason)
