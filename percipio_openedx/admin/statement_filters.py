"""How the list of statements is narrowed. Every choice is fixed or comes from a small table, and leads to an index."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.sites.models import Site
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import search
from percipio_openedx.admin.paging import choice_filter
from percipio_openedx.enums import Kind
from percipio_openedx.models.ledger import StatementLedger
from percipio_openedx.models.statement import State, Statement
from percipio_openedx.operations import words
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


def with_verb(kind: Kind) -> Q:
    """With a milestone's verb: those that stand and those that were voided, as the index tells them apart."""
    either = Q(voided_by__isnull=True) | Q(voided_by__isnull=False)
    return of_known_sites() & either & Q(verb=VERBS[kind])


def made_within(span: timedelta) -> Q:
    """Made within a span that ends now."""
    return of_known_sites() & Q(stored_at__gte=timezone.now() - span)


StateFilter = choice_filter(
    _("state"), "state", {state.value: (words.STATES[state], in_state(state)) for state in State}
)
VerbFilter = choice_filter(
    _("verb"), "verb", {kind.value: (words.KINDS[kind], partial(with_verb, kind)) for kind in Kind}
)
OutcomeFilter = choice_filter(
    _("outcome"), "outcome", {key: (title, with_outcome(key)) for key, (title, _query) in OUTCOMES.items()}
)
TimeFilter = choice_filter(
    _("time"), "time", {key: (title, partial(made_within, span)) for key, (title, span) in TIMES.items()}
)


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
