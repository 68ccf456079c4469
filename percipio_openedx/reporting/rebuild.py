"""What Percipio refused, or was never sent, is built anew under its own id from what is true now (record 0017).

It stays the same fact: learner, course run, milestone, value, time, score and time on task are those of the statement
as it was. Who the learner is to Percipio, what the course is called there, and where it goes are asked anew.

Bulkheads stand around each course run, each learner and each statement: what cannot be built now waits with the reason,
longer each time, and holds back the later ones of its own learner and course.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial

from django.db.models import Min
from django.utils import timezone

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import Boundary, apart, bulkhead, is_outage, reason_of
from percipio_openedx.config import Configuration
from percipio_openedx.data import BuiltStatement, StatementContext
from percipio_openedx.db import persistently
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import PercipioConfigurationError, StatementError
from percipio_openedx.models.destination import Destination, PullClient
from percipio_openedx.models.learner_course import wait
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.reporting import observed_state, rewrite
from percipio_openedx.reporting.courses import CourseBook
from percipio_openedx.reporting.findings import check_columns
from percipio_openedx.reporting.observe import context_of, finding_of
from percipio_openedx.reporting.observed_state import ObservedLearner
from percipio_openedx.statements.build import build, milestone_of

logger = logging.getLogger(__name__)

# Statements of one destination that are built at once.
PAGE = 200


@dataclass(slots=True)
class Rebuilt:
    """How many statements were built anew, and how many could not be."""

    built: int = 0
    put_off: int = 0


@dataclass
class _Pass:
    """What one pass has read so far, and how it goes. A site's configuration may be a mistake."""

    deadline: float | None
    done: Rebuilt = field(default_factory=Rebuilt)
    courses: CourseBook = field(default_factory=CourseBook)
    sites: dict[int, Configuration | PercipioConfigurationError | None] = field(default_factory=dict)

    @cached_property
    def read_by_others(self) -> set[int]:
        return PullClient.sites()

    def is_over(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def configuration(self, site_id: int) -> Configuration | None:
        """The configuration in force for a site, looked up once.

        Raises:
            PercipioConfigurationError: there is a mistake in it.
        """
        if site_id not in self.sites:
            try:
                self.sites[site_id] = config.for_site(site_id)
            except PercipioConfigurationError as error:
                self.sites[site_id] = error
        found = self.sites[site_id]
        if isinstance(found, PercipioConfigurationError):
            raise found
        return found


def rebuild_due(deadline: float | None = None) -> Rebuilt:
    """Find what a changed configuration has outdated, and build anew whatever is due.

    Arguments:
        deadline: ``time.monotonic()`` at which to stop; None for no limit. What is left is done by the next pass.
    """
    work = _Pass(deadline)
    _compare(work)
    for rows in _pages(work):
        by_course: dict[str, list[Statement]] = defaultdict(list)
        for row in rows:
            by_course[row.learner_course.course_key].append(row)
        for course_key, of_course in by_course.items():
            if work.is_over():
                return work.done
            _rebuild(course_key, of_course, work)
    return work.done


def next_at() -> datetime | None:
    """Return when the next statement is to be built anew; None where none is."""
    return min(_firsts().values(), default=None)


def try_now(site_id: int | None, now: datetime) -> int:
    """Let whatever could not be built be tried with the next pass; the number of statements."""
    rows = Statement.objects.filter(destination_id__in=list(_firsts()), state=State.OUTDATED, due_at__gt=now)
    return (rows if site_id is None else rows.filter(site_id=site_id)).bring_forward(now)


# --- which ones ------------------------------------------------------------------------------------------------------


def _compare(work: _Pass) -> None:
    """Where a site's configuration is another one than at the last comparison, what waits is compared with it.

    Once for each change; what is stored later with the former one is found when it is claimed (``delivery.claim``).
    """
    for destination in Destination.objects.order_by("pk"):
        with bulkhead(Boundary.ROW) as contained:
            _compare_one(destination, work)
        if contained.error is not None:
            if is_outage(contained.error):
                raise contained.error
            # What waits there is compared when it is claimed, and by the next pass.
            logger.error("comparing broke destination=%s error=%s", destination.pk, contained.reason)


def _compare_one(destination: Destination, work: _Pass) -> None:
    try:
        configuration = work.configuration(destination.site_id)
    except PercipioConfigurationError:
        return
    if configuration is None or destination.compared_with == configuration.fingerprint:
        return
    if destination.own_credentials and not configuration.own_credentials:
        # What was made with the site's own credentials is nothing for those of the settings.
        return
    if _outdate(destination, configuration.fingerprint, work):
        Destination.objects.filter(pk=destination.pk).update(compared_with=configuration.fingerprint)


def _outdate(destination: Destination, fingerprint: str, work: _Pass) -> bool:
    """Whether all was compared in time."""
    waiting = Statement.objects.filter(destination_id=destination.pk).shaped_otherwise(fingerprint)
    count = 0
    while pks := list(waiting.order_by("due_at", "id").values_list("pk", flat=True)[:PAGE]):
        if work.is_over():
            return False
        count += _outdate_these(pks)
    if count:
        logger.info("configuration changed destination=%s to_be_built_anew=%s", destination.pk, count)
    return True


@persistently
def _outdate_these(pks: Sequence[int]) -> int:
    return Statement.objects.filter(pk__in=pks).outdate(timezone.now())


def _pages(work: _Pass) -> Iterator[list[Statement]]:
    """What is due, by destination, in the order in which it came due. What is taken up is due no more afterwards."""
    now = timezone.now()
    for pk in [pk for pk, first_at in _firsts().items() if first_at <= now]:
        due = Statement.objects.filter(destination_id=pk, state=State.OUTDATED, due_at__lte=now)
        before: set[int] = set()
        while not work.is_over():
            rows = list(due.order_by("due_at", "id").select_related("learner_course", "destination")[:PAGE])
            # Should one not have been written, it is met again by the next pass.
            if not rows or before.issuperset(row.pk for row in rows):
                break
            before = {row.pk for row in rows}
            yield rows


def _firsts() -> dict[int, datetime]:
    """Of each destination with statements to be built anew, when the first of them is due."""
    found = Statement.objects.filter(state=State.OUTDATED).order_by()
    return dict(found.values_list("destination_id").annotate(Min("due_at")))


# --- building --------------------------------------------------------------------------------------------------------


def _rebuild(course_key: str, rows: Sequence[Statement], work: _Pass) -> None:
    """The bulkhead around a course run: what cannot be built now waits with the reason."""
    with bulkhead(Boundary.COURSE) as contained:
        _rebuild_course(course_key, rows, work)
        return
    if contained.error is not None and is_outage(contained.error):
        raise contained.error
    _put_off(dict.fromkeys((row.pk for row in rows), contained.reason), rows, work)


def _rebuild_course(course_key: str, rows: Sequence[Statement], work: _Pass) -> None:
    if read := [row.pk for row in rows if row.site_id in work.read_by_others]:
        rewrite.keep_as_it_is(read)
        rows = [row for row in rows if row.pk not in read]
    configuration = work.configuration(config.site_id_for(edx_platform.org_of(course_key)))
    if configuration is None:
        reason = "no configuration is in force for this site, or it is switched off"
        _put_off({row.pk: reason for row in rows}, rows, work)
        return
    reasons = {row.pk: OWN_CREDENTIALS for row in rows if _is_anothers(row, configuration)}
    own = [row for row in rows if row.pk not in reasons]
    built = _build(configuration, course_key, own, reasons, work)
    unwritten = rewrite.write(configuration, [(row, built[row.pk]) for row in own if row.pk in built])
    reasons |= {pk: reason_of(error) for pk, error in unwritten.items()}
    work.done.built += len(built) - len(unwritten)
    _put_off(reasons, rows, work)


OWN_CREDENTIALS = "the credentials of the site's own, with which this was made, are there no more"


def _is_anothers(row: Statement, configuration: Configuration) -> bool:
    is_same_site = row.destination.site_id == configuration.site_id
    return is_same_site and row.destination.own_credentials and not configuration.own_credentials


def _build(
    configuration: Configuration, course_key: str, rows: Sequence[Statement], reasons: dict[int, str], work: _Pass
) -> dict[int, rewrite.New]:
    """The new statements by row; ``reasons`` gets those of the others."""
    course = work.courses.get(course_key) if rows else None
    if course is None or not course.is_reported:
        hold = HoldReason.UNKNOWN_COURSE if course is None else HoldReason.COURSE_LEFT_OUT
        reasons |= {row.pk: str(hold) for row in rows}
        return {}
    user_ids = sorted({row.learner_course.user_id for row in rows})
    read = partial(observed_state.read, course_key, is_graded=course.is_graded, configuration=configuration)
    parts, unread = apart(Boundary.LEARNER, user_ids, read)
    seen = {user_id: one for part in parts for user_id, one in part.items()}
    context = context_of(configuration, course)
    built: dict[int, rewrite.New] = {}
    for row in rows:
        user_id = row.learner_course.user_id
        if user_id in unread:
            reasons[row.pk] = reason_of(unread[user_id])
            continue
        with bulkhead(Boundary.STATEMENT) as contained:
            made = _build_one(row, seen, configuration, context)
            if isinstance(made, str):
                reasons[row.pk] = made
            else:
                built[row.pk] = made
        if contained.error is not None and is_outage(contained.error):
            raise contained.error
        if contained.error is not None:
            reasons[row.pk] = contained.reason
    return built


def _build_one(
    row: Statement,
    seen: Mapping[int, ObservedLearner],
    configuration: Configuration,
    context: Callable[..., StatementContext],
) -> rewrite.New | str:
    """The new statement, or why its learner cannot be named."""
    finding = finding_of(row.learner_course, seen[row.learner_course.user_id], configuration)
    if finding.identity is None:
        return finding.problem.reason if finding.problem is not None else str(finding.hold)
    milestone = milestone_of(row.kind, row.value, row.happened_at, bytes(row.body))
    reported = context(milestone=milestone, identity=finding.identity, registration=row.registration)
    made: BuiltStatement = build(reported, now=timezone.now())
    if made.id != row.uuid:
        raise StatementError("id", "is another than that of the statement which it replaces")
    check_columns(milestone, made)
    return rewrite.New(made, finding.identity.organization)


def _put_off(reasons: Mapping[int, str], rows: Sequence[Statement], work: _Pass) -> None:
    now = timezone.now()
    alike: dict[tuple[int, str], list[int]] = defaultdict(list)
    for row in rows:
        if row.pk in reasons:
            alike[row.attempts, reasons[row.pk]].append(row.pk)
    for (attempts, reason), pks in alike.items():
        # One more than the failures in a row, since the pass that follows at once would find nothing else.
        work.done.put_off += rewrite.put_off(pks, now + wait(attempts + 2), f"cannot be built anew yet: {reason}")
        logger.warning("not built anew statements=%s reason=%s", len(pks), reason)
