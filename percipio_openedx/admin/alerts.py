"""The problems that operators were told of, and which of them are resolved."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.models.alert import Alert
from percipio_openedx.operations import words
from percipio_openedx.operations.problems import TITLES

Rows = QuerySet[Alert]


class StateFilter(admin.SimpleListFilter):
    """Whether it is still so."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Problem, or resolved."""
        return [("open", _("problem")), ("over", _("resolved"))]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """In the chosen state."""
        if self.value() not in ("open", "over"):
            return queryset
        return queryset.filter(is_on=self.value() == "open")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """One row for each problem that ever was; there are few."""

    list_display = ("changed_at", "state_badge", "problem", "subject", "words", "is_announced")
    list_filter = (StateFilter,)
    fields = ("changed_at", "state_badge", "problem", "subject", "words", "is_announced")
    ordering = ("-is_on", "-changed_at")
    sortable_by = ()

    @admin.display(description=_("State"))
    def state_badge(self, row: Alert) -> str:
        """Whether it is still so, in its color."""
        tone, text = ("error", gettext("problem")) if row.is_on else ("well", gettext("resolved"))
        return format_html('<span class="percipio-state percipio-{}">{}</span>', tone, text)

    @admin.display(description=_("Problem"))
    def problem(self, row: Alert) -> str:
        """What kind of problem."""
        return words.of(TITLES, row.kind)
