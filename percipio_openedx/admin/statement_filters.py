"""How the list of statements is narrowed. Every choice is fixed or comes from a small table, and leads to an index."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.sites.models import Site
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import search, words
from percipio_openedx.codes import Kind
from percipio_openedx.models.ledger import StatementLedger
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.statements.vocabulary import VERBS

Rows = QuerySet[Statement]

# What came back last, for the states in which it says something.
OUTCOMES: dict[str, tuple[Any, Q]] = {
    "taken": (_("taken"), Q(state=State.DELIVERED)),
    "refused": (_("refused (4xx)"), Q(state=State.PARKED)),
    "throttled": (_("put off: too many requests (429)"), Q(state=State.WAITING, status=429)),
    "broken": (_("put off: server error (5xx)"), Q(state=State.WAITING, status__gte=500)),
    "silent": (_("put off: no answer"), Q(state=State.WAITING, status=None, attempts__gt=0)),
    "untried": (_("not tried yet"), Q(state=State.WAITING, attempts=0)),
}

TIMES: dict[str, tuple[Any, timedelta]] = {
    "hour": (_("the last hour"), timedelta(hours=1)),
    "day": (_("the last 24 hours"), timedelta(days=1)),
    "week": (_("the last 7 days"), timedelta(days=7)),
    "month": (_("the last 30 days"), timedelta(days=30)),
    "quarter": (_("the last 90 days"), timedelta(days=90)),
}


def in_state(state: str) -> Q:
    """In a state. Only what is being sent has a lease: saying so puts the index in the list's order."""
    return Q(state=state, leased_until__isnull=state != State.SENDING)


def with_outcome(outcome: str) -> Q:
    """With an outcome of ``OUTCOMES``; none of them has a lease."""
    return OUTCOMES[outcome][1] & Q(leased_until=None)


def of_known_sites() -> Q:
    """Every statement there is, said so that the indexes that begin with the site can be used."""
    return Q(site_id__in=list(StatementLedger.objects.values_list("pk", flat=True)))


class SiteFilter(admin.SimpleListFilter):
    """The site that reports."""

    title = _("site")
    parameter_name = "site"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All sites that ever reported anything."""
        domains = dict(Site.objects.values_list("pk", "domain"))
        known = StatementLedger.objects.order_by("pk").values_list("pk", flat=True)
        return [(str(pk), domains.get(pk, str(pk))) for pk in known]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Of the chosen site."""
        value = self.value() or ""
        return queryset.filter(site_id=int(value)) if value.isdigit() and len(value) < 10 else queryset


class StateFilter(admin.SimpleListFilter):
    """Where the statement is on its way."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """All states."""
        return [(state.value, words.of(words.STATES, state)) for state in State]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """In the chosen state."""
        value = self.value()
        return queryset if value is None else queryset.filter(in_state(value))


class VerbFilter(admin.SimpleListFilter):
    """The milestone, which is the statement's verb."""

    title = _("verb")
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """All kinds."""
        return [(kind.value, words.of(words.KINDS, kind)) for kind in Kind]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """With the chosen verb: those that stand and those that were voided, as the index tells them apart."""
        value = self.value()
        if value not in set(Kind):
            return queryset
        either = Q(voided_by__isnull=True) | Q(voided_by__isnull=False)
        return queryset.filter(of_known_sites(), either, verb=VERBS[Kind(value)])


class OutcomeFilter(admin.SimpleListFilter):
    """What Percipio answered."""

    title = _("outcome")
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The outcomes that can be told from state and status."""
        return [(key, title) for key, (title, _query) in OUTCOMES.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """With the chosen outcome."""
        value = self.value()
        return queryset.filter(with_outcome(value)) if value in OUTCOMES else queryset


class TimeFilter(admin.SimpleListFilter):
    """When the statement was made."""

    title = _("time")
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Spans that end now."""
        return [(key, title) for key, (title, _span) in TIMES.items()]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Made within the chosen span."""
        if self.value() not in TIMES:
            return queryset
        span = TIMES[self.value() or ""][1]
        return queryset.filter(of_known_sites(), stored_at__gte=timezone.now() - span)


class CourseFilter(admin.SimpleListFilter):
    """One course run, typed: there may be thousands."""

    title = _("course")
    parameter_name = "course"
    template = "admin/percipio_openedx/course_filter.html"

    def has_output(self) -> bool:
        """Always: the field is there to be typed in."""
        return True

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """None; a single empty one keeps Django from leaving the filter out."""
        return [("", "")]

    def choices(self, changelist: Any) -> Any:
        """For the template: what is typed, and the other filters to keep."""
        others = changelist.get_filters_params()
        kept = [(name, item) for name, value in others.items() if name != self.parameter_name for item in _each(value)]
        return [{"typed": self.value() or "", "kept": kept, "name": self.parameter_name, "query": changelist.query}]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Of the typed course run; none for a text that is no course key."""
        typed = (self.value() or "").strip()
        if not typed:
            return queryset
        if not search.is_course_key(typed):
            return queryset.none()
        return queryset.filter(course_key=typed)


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
