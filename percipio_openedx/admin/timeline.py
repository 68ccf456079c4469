"""One learner in one course, from notice to statement to answer, with the reason for whatever was not sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.notice import EVERY_COURSE, Notice
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.operations import words
from percipio_openedx.operations.problems import PAUSES
from percipio_openedx.operations.words import Tone

# Notices have no index but their key, so only the newest are searched.
NEWEST_NOTICES = 50_000

TONES = {
    State.DELIVERED: Tone.WELL,
    State.SKIPPED: Tone.QUIET,
    State.PARKED: Tone.ERROR,
    State.DISCARDED: Tone.QUIET,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, or will; ``statement_id`` leads to the row, where there is one."""

    at: datetime | None
    title: str
    words: str = ""
    tone: Tone = Tone.QUIET
    statement_id: int | None = None
    steps: list[tuple[datetime | None, str]] = field(default_factory=list)


def entries(row: LearnerCourse | None, user_id: int, course_key: str) -> list[Entry]:
    """The statements in their order, then the last look, then what waits to be looked at."""
    found = [] if row is None else _statements(row)
    if row is not None and row.observed_at is not None:
        found.append(_observe(row))
    return found + _notices(user_id, course_key)


def _statements(row: LearnerCourse) -> list[Entry]:
    rows = row.statements.defer("body", "track").select_related("destination").order_by("sequence")
    found, held_by = [], None
    for statement in rows:
        found.append(_statement(statement, held_by))
        if held_by is None and statement.state in OPEN_STATES:
            held_by = statement
    return found


def _statement(row: Statement, held_by: Statement | None) -> Entry:
    steps: list[tuple[datetime | None, str]] = [
        (row.happened_at, _("came true in the LMS")),
        (row.stored_at, _("statement made")),
    ]
    if row.attempts and row.state != State.OUTDATED:
        sent = ngettext("sent once", "sent %(count)s times", row.attempts)
        steps.append((None, sent % {"count": row.attempts}))
    if row.settled_at is not None:
        steps.append((row.settled_at, words.of(words.STATES, row.state)))
    return Entry(
        at=row.happened_at,
        title=words.of_milestone(row.kind, row.value),
        words=_why(row, held_by),
        tone=TONES.get(State(row.state), Tone.WARNING),
        statement_id=row.pk,
        steps=steps,
    )


def _why(row: Statement, held_by: Statement | None) -> str:
    """Where it is, and if it is not in Percipio, why."""
    said = {"answer": row.answer, "due": row.due_at}
    match row.state:
        case State.DELIVERED:
            return _("Percipio has it.") if row.status != 409 else _("Percipio had it already.")
        case State.OUTDATED:
            waits = _("Is to be built anew from what the LMS says now.")
            return f"{waits} {row.answer}" if row.answer else waits
        case State.SKIPPED:
            return _("Not sent: the API in force has no form for this milestone.")
        case State.PARKED:
            return _("Not taken: Percipio refused it with “%(answer)s”.") % said
        case State.DISCARDED:
            return _("Not sent: %(answer)s.") % said if row.answer else _("Not sent: it was given up.")
    destination = row.destination
    if destination.paused_reason:
        return words.of(PAUSES, destination.paused_reason)
    if destination.failures:
        return _("Waits: Percipio cannot be reached or has trouble of its own (“%(error)s”).") % {
            "error": destination.last_error
        }
    if held_by is not None:
        return _("Waits: an earlier statement of this learner and course has to leave first.")
    if row.answer:
        return _("Waits, after the answer “%(answer)s”.") % said
    return _("Waits for a worker.") if row.state == State.WAITING else _("Is being sent.")


def _observe(row: LearnerCourse) -> Entry:
    if row.hold_reason:
        return Entry(row.observed_at, _("Looked at, not reported"), words.of(words.HOLDS, row.hold_reason), Tone.ERROR)
    return Entry(row.observed_at, _("Last looked at"), _("Everything that was due then is above."), Tone.WELL)


def _notices(user_id: int, course_key: str) -> list[Entry]:
    newest = Notice.objects.aggregate(newest=Max("pk"))["newest"] or 0
    rows = Notice.objects.filter(
        pk__gt=newest - NEWEST_NOTICES, user_id=user_id, course_key__in=(course_key, EVERY_COURSE)
    ).order_by("pk")
    wait = timedelta(seconds=config.gathering())
    return [
        Entry(
            notice.noticed_at,
            _("Noticed: %(reason)s") % {"reason": words.of(words.REASONS, notice.reason)},
            _("Will be looked at %(seconds)s seconds later.") % {"seconds": int(wait.total_seconds())},
            Tone.WARNING,
        )
        for notice in rows[:100]
    ]
