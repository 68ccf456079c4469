"""Timeline of one learner in one course: notices, statements and answers, and why anything was not sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.models.learner_course import EVERY_COURSE, LearnerCourse, Notice
from percipio_openedx.models.statement import OPEN_STATES, State, Statement
from percipio_openedx.operations import labels, sites
from percipio_openedx.operations.labels import Tone
from percipio_openedx.operations.problems import pause_of

# Notices have only their key as index, so only the newest are searched.
NEWEST_NOTICES = 50_000
MAX_NOTICES = 100

TONES = {State.DELIVERED: Tone.WELL, State.SKIPPED: Tone.QUIET, State.PARKED: Tone.ERROR, State.DISCARDED: Tone.QUIET}


class Entry(NamedTuple):
    """A past or future event; ``statement_id`` is its row, if any."""

    at: datetime | None
    title: str
    message: str
    tone: Tone
    statement_id: int | None = None
    steps: Sequence[tuple[datetime | None, str]] = ()


def lines(rows: Sequence[LearnerCourse], user_id: int, course_key: str) -> list[tuple[str, list[Entry]]]:
    """Return one timeline per site that observed the learner, with its name; one unnamed if none did.

    Each holds the statements in order, then the last observation, then the notices that wait for one.
    """
    notices = list(_notices(user_id, course_key))
    names = sites.names(row.site_id for row in rows)
    return [(names[row.site_id], [*_statements(row), *_observation(row), *notices]) for row in rows] or [("", notices)]


def _statements(row: LearnerCourse) -> Iterator[Entry]:
    is_held = False
    for statement in row.statements.defer("body", "track").select_related("destination").order_by("sequence"):
        yield Entry(
            at=statement.happened_at,
            title=labels.of_milestone(statement.kind, statement.value),
            message=_why(statement, is_held),
            tone=TONES.get(State(statement.state), Tone.WARNING),
            statement_id=statement.pk,
            steps=list(_steps(statement)),
        )
        is_held = is_held or statement.state in OPEN_STATES


def _steps(row: Statement) -> Iterator[tuple[datetime | None, str]]:
    yield row.happened_at, _("happened in the LMS")
    yield row.stored_at, _("statement made")
    if row.attempts and row.state != State.OUTDATED:
        yield None, ngettext("sent once", "sent %(count)s times", row.attempts) % {"count": row.attempts}
    if row.settled_at is not None:
        yield row.settled_at, labels.of(labels.STATES, row.state)


def _why(row: Statement, is_held: bool) -> str:
    """Return a statement's status and, if it is not in Percipio, why (``is_held``: behind an earlier one)."""
    answer = {"answer": row.answer}
    match row.state:
        case State.DELIVERED:
            return _("Percipio has it.") if row.status != 409 else _("Percipio had it already.")
        case State.OUTDATED:
            text = _("Is to be rebuilt from what the LMS says now.")
            return f"{text} {row.answer}".strip()
        case State.SKIPPED:
            return _("Not sent: the API in force has no form for this milestone.")
        case State.PARKED:
            return _("Not taken: Percipio refused it with “%(answer)s”.") % answer
        case State.DISCARDED:
            return _("Not sent: %(answer)s.") % answer if row.answer else _("Not sent: it was discarded.")
    if row.destination.paused_reason:
        return pause_of(row.destination)
    if row.destination.failures:
        error = {"error": row.destination.last_error}
        return _("Waits: Percipio cannot be reached or has problems of its own (“%(error)s”).") % error
    if row.awaits_item and row.state == State.WAITING:
        return _("Waits: Percipio's catalog has to accept the course first, which the site's patience bounds.")
    if is_held:
        return _("Waits: an earlier statement of this learner and course has to leave first.")
    if row.answer:
        return _("Waits, after the answer “%(answer)s”.") % answer
    return _("Waits for a worker.") if row.state == State.WAITING else _("Is being sent.")


def _observation(row: LearnerCourse) -> Iterator[Entry]:
    if row.observed_at is None:
        return
    if hold := labels.of(labels.HOLDS, row.hold_reason):
        yield Entry(row.observed_at, _("Observed, not reported"), hold, Tone.ERROR)
    else:
        yield Entry(row.observed_at, _("Last observed"), _("Everything that was due then is above."), Tone.WELL)


def _notices(user_id: int, course_key: str) -> Iterator[Entry]:
    newest = Notice.objects.aggregate(newest=Max("pk"))["newest"] or 0
    rows = Notice.objects.filter(
        pk__gt=newest - NEWEST_NOTICES, user_id=user_id, course_key__in=(course_key, EVERY_COURSE)
    )
    wait = config.gathering()
    soon = ngettext(
        "Will be observed %(seconds)s second later.", "Will be observed %(seconds)s seconds later.", wait
    ) % {"seconds": wait}
    for notice in rows.order_by("pk")[:MAX_NOTICES]:
        title = _("Noticed: %(reason)s") % {"reason": labels.of(labels.REASONS, notice.reason)}
        yield Entry(notice.noticed_at, title, soon, Tone.WARNING)
