"""Filters of the lists. Every choice is fixed or from a small table, and those of statements use an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import search
from percipio_openedx.admin.base import MAX_ROWS
from percipio_openedx.enums import Kind
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import State, Statement, StatementLedger
from percipio_openedx.operations import labels, sites
from percipio_openedx.operations.labels import Text
from percipio_openedx.statements.vocabulary import VERBS

Rows = QuerySet[Statement]
Condition = Q | Callable[[], Q]

# A course with more statements is large.
FEW = 2000


class ChoiceFilter(admin.SimpleListFilter):
    """See ``choice_filter``. An unknown value filters nothing."""

    known: Mapping[str, tuple[Text, Condition]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, title) for value, (title, _condition) in self.known.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in self.known:
            return queryset
        _title, condition = self.known[str(self.value())]
        return queryset.filter(condition() if callable(condition) else condition)


def choice_filter(title: Text, parameter: str, choices: Mapping[str, tuple[Text, Condition]]) -> type[ChoiceFilter]:
    """Return a list filter with fixed choices, since querying a table for them would read all of it.

    ``choices`` maps a value in the address to its label and condition; a condition that needs the database or the clock
    is a function.
    """
    return type("ChoiceFilter", (ChoiceFilter,), {"title": title, "parameter_name": parameter, "known": choices})


class SiteFilter(admin.SimpleListFilter):
    """The site, among all that have a destination."""

    title = _("site")
    parameter_name = "site"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = sites.names(Destination.objects.values_list("site_id", flat=True).distinct())
        return [(str(pk), name) for pk, name in names.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value() or ""
        return queryset.filter(site_id=int(value)) if value.isdecimal() and len(value) < 10 else queryset


# Only statements being sent have a lease: the condition makes the index match the list's order.
STATES = {
    state.value: (labels.STATES[state], Q(state=state, leased_until__isnull=state != State.SENDING)) for state in State
}
# The last outcome, for states where it matters. None of these has a lease.
OUTCOMES = {
    "taken": (_("accepted"), Q(state=State.DELIVERED, leased_until=None)),
    "refused": (_("refused (4xx)"), Q(state=State.PARKED, leased_until=None)),
    "throttled": (_("put off: too many requests (429)"), Q(state=State.WAITING, status=429, leased_until=None)),
    "broken": (_("put off: server error (5xx)"), Q(state=State.WAITING, status__gte=500, leased_until=None)),
    "silent": (_("put off: no answer"), Q(state=State.WAITING, status=None, attempts__gt=0, leased_until=None)),
    "untried": (_("not tried yet"), Q(state=State.WAITING, attempts=0, leased_until=None)),
    "item": (_("put off: its course comes first"), Q(state=State.WAITING, awaits_item=True, leased_until=None)),
}


def of_known_sites() -> Q:
    """Match every statement, listing the sites so that indexes beginning with the site are used."""
    return Q(site_id__in=list(StatementLedger.objects.values_list("pk", flat=True)))


def with_verb(kind: Kind) -> Q:
    """Match a milestone's verb, standing or voided, as the index distinguishes them."""
    either = Q(voided_by__isnull=True) | Q(voided_by__isnull=False)
    return of_known_sites() & either & Q(verb=VERBS[kind])


def made_within(span: timedelta) -> Q:
    """Match statements made within a span that ends now."""
    return of_known_sites() & Q(stored_at__gte=timezone.now() - span)


class CourseFilter(admin.SimpleListFilter):
    """One course run, typed, since there may be thousands."""

    title = _("course")
    parameter_name = "course"
    template = "admin/percipio_openedx/course_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return a single empty choice, or Django would drop the filter."""
        return [("", "")]

    def choices(self, changelist: Any) -> Any:
        """Return, for the template, the typed text and the other filters to keep."""
        others = changelist.get_filters_params()
        kept = [(name, item) for name, items in others.items() if name != self.parameter_name for item in items]
        return [{"typed": self.value() or "", "kept": kept, "name": self.parameter_name, "query": changelist.query}]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Return those of the typed course run; none for an invalid key."""
        typed = (self.value() or "").strip()
        if not typed:
            return queryset
        return queryset.filter(course_key=typed) if search.is_course_key(typed) else queryset.none()


KINDS = {kind.value: (labels.KINDS[kind], partial(with_verb, kind)) for kind in Kind}
TIMES = {
    "hour": (_("the last hour"), partial(made_within, timedelta(hours=1))),
    "day": (_("the last 24 hours"), partial(made_within, timedelta(days=1))),
    "week": (_("the last 7 days"), partial(made_within, timedelta(days=7))),
    "month": (_("the last 30 days"), partial(made_within, timedelta(days=30))),
    "quarter": (_("the last 90 days"), partial(made_within, timedelta(days=90))),
}
FILTERS = (
    choice_filter(_("state"), "state", STATES),
    choice_filter(_("verb"), "verb", KINDS),
    choice_filter(_("outcome"), "outcome", OUTCOMES),
    choice_filter(_("time"), "time", TIMES),
    CourseFilter,
)


def narrowed(rows: Rows, parameters: Mapping[str, str], query: search.SearchTerms) -> Rows:
    """Search a rare state of a large course among the newest rows in that state, not among the course's.

    A course's index holds all its statements, newest first, without states: the whole course would be read for, say, a
    few parked ones. Rows behind the newest ``MAX_ROWS`` in the state are ignored.
    """
    course_keys = {parameters.get("course", "").strip(), query.course_key} - {""}
    # Nearly all statements are delivered.
    states, outcomes = STATES.keys() - {State.DELIVERED}, OUTCOMES.keys() - {"taken"}
    if parameters.get("state") in states:
        condition = STATES[parameters["state"]][1]
    elif parameters.get("outcome") in outcomes:
        condition = OUTCOMES[parameters["outcome"]][1]
    else:
        return rows
    if query.learner or query.uuid or len(course_keys) != 1:
        return rows
    of_course = Statement.objects.filter(course_key=course_keys.pop())
    if not of_course.order_by("-pk").values_list("pk", flat=True)[FEW : FEW + 1]:
        return rows
    newest = Statement.objects.filter(condition).order_by("-pk").values_list("pk", flat=True)[:MAX_ROWS]
    return rows.filter(pk__in=list(of_course.filter(pk__in=list(newest)).values_list("pk", flat=True)))
