"""The requests to Percipio, as they went."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.admin.paging import BoundedPaginator
from percipio_openedx.codes import Api, Outcome
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.operations import words

Rows = QuerySet[DeliveryAttempt]


class _FixedFilter(admin.SimpleListFilter):
    """Choices that are known beforehand: asking the table for its values would walk through all of it."""

    values: type[StrEnum]
    names: Mapping[str, words.Words] = {}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every value, in words where it has any."""
        return [(value.value, words.of(self.names, value)) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """With the chosen value."""
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.parameter_name or "": value})


class ApiFilter(_FixedFilter):
    """Which of the two APIs."""

    title, parameter_name, values = _("API"), "api", Api


class OutcomeFilter(_FixedFilter):
    """What the answer meant."""

    title, parameter_name, values, names = _("outcome"), "outcome", Outcome, words.OUTCOMES


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """One row for each HTTP request."""

    list_display = (
        "started_at",
        "destination",
        "api",
        "statements",
        "accepted",
        "status",
        "outcome_badge",
        "duration_ms",
        "answer",
    )
    list_filter = (ApiFilter, OutcomeFilter)
    list_select_related = ("destination",)
    ordering = ("-id",)
    sortable_by = ()
    paginator = BoundedPaginator

    @admin.display(description=_("Outcome"))
    def outcome_badge(self, row: DeliveryAttempt) -> str:
        """The outcome, in the colour of what it means for the statements."""
        state = {"accepted": "delivered", "refused": "parked", "unauthorised": "parked"}.get(row.outcome, "waiting")
        return format_html(
            '<span class="percipio-state percipio-{}">{}</span>', state, words.of(words.OUTCOMES, row.outcome)
        )
