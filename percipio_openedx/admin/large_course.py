"""A state that few statements of a large course have: found among the newest in that state, not among the course's.

The index of a course holds all its statements, newest first, and not their states: those of a course with many learners
would all be read for the few that are, say, parked. So the newest in the state are read, and those of the course are
shown. What lies behind the newest 10,000 in the state is not looked at.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Q, QuerySet

from percipio_openedx.admin import search
from percipio_openedx.admin.paging import MOST
from percipio_openedx.admin.statement_filters import OUTCOMES, in_state, with_outcome
from percipio_openedx.models.statement import State, Statement

Rows = QuerySet[Statement]

# Nearly all statements are.
DELIVERED = (State.DELIVERED, "taken")
# A course is large with more statements than this.
FEW = 2000


def narrowed(asked: Mapping[str, str], rows: Rows) -> Rows:
    """Return the rows of a list, by their keys where it is one of a large course and a rare state.

    Arguments:
        asked: the parameters of the list.
        rows: all that they leave.
    """
    course_key, state = _course_of(asked), _rare_state_of(asked)
    if not course_key or state is None or not _is_large(course_key):
        return rows
    newest = Statement.objects.filter(state).order_by("-pk").values_list("pk", flat=True)[:MOST]
    found = Statement.objects.filter(pk__in=list(newest), course_key=course_key)
    return rows.filter(pk__in=list(found.values_list("pk", flat=True)))


def _course_of(asked: Mapping[str, str]) -> str:
    """Return the one course run that is asked for, chosen or searched; empty if a learner or an id is, too."""
    query = search.understood(asked.get("q", ""))
    if query.learner or query.uuid:
        return ""
    named = {key for key in (asked.get("course", "").strip(), query.course_key) if key}
    return named.pop() if len(named) == 1 else ""


def _is_large(course_key: str) -> bool:
    rows = Statement.objects.filter(course_key=course_key).order_by("-pk")
    return bool(rows.values_list("pk", flat=True)[FEW : FEW + 1])


def _rare_state_of(asked: Mapping[str, str]) -> Q | None:
    state, outcome = asked.get("state", ""), asked.get("outcome", "")
    if state in set(State) and state not in DELIVERED:
        return in_state(state)
    return with_outcome(outcome) if outcome in OUTCOMES and outcome not in DELIVERED else None
