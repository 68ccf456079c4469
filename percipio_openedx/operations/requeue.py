"""Requeue settled statements under their own ids, move them, and report everything again: what an operator decides.

What Percipio may have is resent as it is; what it refused is rebuilt, so that the fix takes effect (decision record
0017). Nothing moves to another account by itself, and a new account is never told what the former one was told, unless
an operator asks.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from percipio_openedx.data import Reported
from percipio_openedx.db import pages, persistently, write_alias
from percipio_openedx.delivery import breaker, claim
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.learner_course import REPORTED, LearnerCourse, Notice, Reason
from percipio_openedx.models.statement import OPEN_STATES, Statement, StatementQuerySet
from percipio_openedx.models.unknown_learner import UnknownLearner, UnknownLearnerQuerySet
from percipio_openedx.reporting import facts, rebuild
from percipio_openedx.reporting.facts import CourseBook
from percipio_openedx.reporting.findings import LearnerFinding, findings_of
from percipio_openedx.statements.build import anew_of

AT_ONCE = 500
LEARNERS_AT_ONCE = 100


def requeue(rows: StatementQuerySet, is_over: Callable[[], bool], on_done: Callable[[int], object] = int) -> int:
    """Requeue the settled ones of these, in batches by id; return their number.

    ``is_over`` is checked between batches, ``on_done`` called with the size of each; batches done stay queued.
    """
    now, queued = timezone.now(), 0
    for page in pages(rows.exclude(state__in=OPEN_STATES), size=AT_ONCE, is_over=is_over):
        chosen = Statement.objects.filter(pk__in=[pk for (pk,) in page])
        end_holds(chosen)
        done = chosen.requeue(now)
        queued += done
        on_done(done)
    return queued


def move(rows: StatementQuerySet, is_over: Callable[[], bool] = bool, on_done: Callable[[int], object] = int) -> int:
    """Have these built anew for the accounts that their learners belong to now; return their number.

    Never what anybody may have received, nor what has been reported again since (``report_anew``). ``is_over`` is
    checked between batches, ``on_done`` called with the size of each.
    """
    moved = 0
    for page in pages(rows, "value", "learner_course__reported_anew", size=LEARNERS_AT_ONCE, is_over=is_over):
        pks = [pk for pk, value, anew in page if anew_of(value) == anew]
        done = persistently(Statement.objects.filter(pk__in=pks).move)(timezone.now())
        moved += done
        on_done(done)
    return moved


def try_now(site_id: int | None) -> Sequence[Destination]:
    """Retry and return every waiting destination now; also whatever a fast clock or a failed rebuild delayed."""
    now = timezone.now()
    rows = Destination.objects.filter(Q(retry_at__gt=now) | Q(failures__gt=0, probe_until__gt=now)).order_by("pk")
    found = list(rows if site_id is None else rows.filter(site_id=site_id))
    claim.correct_times(now)
    claim.recover(now)
    rebuild.try_now(site_id, now)
    for row in found:
        breaker.try_now(row, timezone.now())
    return found


def try_again(rows: UnknownLearnerQuerySet, is_over: Callable[[], bool]) -> tuple[int, int]:
    """Try learners again whom Percipio did not know: requeue what was refused, and have their courses observed.

    ``is_over`` is checked between batches. Returns the number of learners, and of requeued statements.
    """
    learners = statements = 0
    for page in pages(rows, size=LEARNERS_AT_ONCE, is_over=is_over):
        release = UnknownLearner.objects.filter(pk__in=[pk for (pk,) in page]).release
        statements += persistently(release)(timezone.now(), as_it_is=True)
        learners += len(page)
    return learners, statements


def end_holds(statements: StatementQuerySet) -> None:
    """End the holds on the learners of these statements, which an operator requeues: that is to try again."""
    pairs = set(statements.values_list("destination_id", "learner_course__user_id"))
    rows = UnknownLearner.objects.filter(user_id__in={user_id for _, user_id in pairs})
    held = [row.pk for row in rows if (row.destination_id, row.user_id) in pairs]
    if held:
        persistently(UnknownLearner.objects.filter(pk__in=held).forget)(timezone.now())


class Refusal(TextChoices):
    """Why a learner in a course is not reported again."""

    NOTHING = "nothing", _("nothing has been reported yet")
    HELD = "held", _("the learner, or the course, is not reported now")
    BUSY = "busy", _("being observed right now; try again in a minute")
    OPEN = "open", _("something still waits for the former account: move it or discard it first")
    PRUNED = "pruned", _("some of what was reported is pruned here, and nobody can tell which account was told")
    TOLD = "told", _("the learner's account has been told something already, or may have been")


@dataclass(slots=True)
class Anew:
    """How many learners in courses are reported again, and how many are not, by ``Refusal``."""

    done: int = 0
    refused: Counter[str] = field(default_factory=Counter)


def report_anew(rows: QuerySet[LearnerCourse], is_over: Callable[[], bool] = bool) -> Anew:
    """Have everything reported again to the account that these learners belong to now.

    Only where all that was reported went to another account: then the next observation reports everything, under new
    ids, so that nothing is doubled where it arrives. What the former account was told stays here as it is. Where a
    course cannot be read, its error is raised, and what was done by then stays.
    """
    found, book = Anew(), CourseBook()
    by_course: dict[str, list[int]] = defaultdict(list)
    for course_key, user_id in rows.order_by("course_key", "user_id").values_list("course_key", "user_id"):
        by_course[course_key].append(user_id)
    for course_key, user_ids in by_course.items():
        for start in range(0, len(user_ids), LEARNERS_AT_ONCE):
            if is_over():
                return found
            _report_anew(course_key, user_ids[start : start + LEARNERS_AT_ONCE], book, found)
    return found


def _report_anew(course_key: str, user_ids: Sequence[int], book: CourseBook, found: Anew) -> None:
    configuration, course = book.configuration(course_key), book.get(course_key)
    if configuration is None or course is None or course.hold(configuration.catalog):
        found.refused[Refusal.HELD] += len(user_ids)
        return
    now = timezone.now()
    # Leased, so that no observation writes what it read before.
    claimed = facts.claim(configuration.site_id, course_key, user_ids, now)
    try:
        found.refused[Refusal.BUSY] += len(claimed.busy)
        findings = findings_of(configuration, course, claimed.rows, now)
        made: dict[int, list[tuple[str, tuple[int, str]]]] = defaultdict(list)
        rows = Statement.objects.filter(learner_course_id__in=[one.row.pk for one in findings]).order_by()
        columns = ("learner_course_id", "state", "destination__site_id", "destination__account")
        for pk, state, site_id, account in rows.values_list(*columns):
            made[pk].append((state, (site_id, account)))
        reasons = [(one.row, _refusal(one, made[one.row.pk])) for one in findings]
        found.refused.update(str(reason) for _row, reason in reasons if reason)
        found.done += _reset([row for row, reason in reasons if not reason], claimed.lease, now)
    finally:
        facts.release(claimed.lease)
    found.refused += Counter()


def _refusal(finding: LearnerFinding, made: Iterable[tuple[str, tuple[int, str]]]) -> Refusal | None:
    """Return why a learner in a course is not reported again, given the states and places of what was made."""
    row, states = finding.row, [state for state, _place in made]
    if finding.hold or finding.configuration is None:
        return Refusal.HELD
    if not row.sequence or row.reported == Reported(anew=row.reported_anew):
        return Refusal.NOTHING
    if any(state in OPEN_STATES for state in states):
        return Refusal.OPEN
    if row.sequence > len(states):
        return Refusal.PRUNED
    if any(place == finding.configuration.place for _state, place in made):
        return Refusal.TOLD
    return None


@persistently
def _reset(rows: Sequence[LearnerCourse], lease: UUID, now: datetime) -> int:
    """Forget what was reported, and ask for an observation; not of those whose lease has ended."""
    notices = []
    with transaction.atomic(using=write_alias()):
        for row in rows:
            fresh = LearnerCourse()
            fresh.remember(Reported(anew=row.reported_anew + 1))
            columns = {f"reported_{name}": getattr(fresh, f"reported_{name}") for name in REPORTED}
            if LearnerCourse.objects.filter(pk=row.pk, lease=lease).update(**columns):
                key = {"user_id": row.user_id, "course_key": row.course_key}
                notices.append(Notice(reason=Reason.BACKFILL, noticed_at=now, **key))
        Notice.objects.bulk_create(notices)
    return len(notices)
