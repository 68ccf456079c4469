"""What operators were told, and what of it is still so."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import words
from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.models.alert import Alert
from percipio_openedx.operations.problems import TITLES

Rows = QuerySet[Alert]


class StateFilter(admin.SimpleListFilter):
    """Whether it is still so."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Out of order, or well again."""
        return [("open", _("out of order")), ("over", _("well again"))]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """In the chosen state."""
        if self.value() not in ("open", "over"):
            return queryset
        return queryset.filter(is_on=self.value() == "open")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """One row for each destination and kind of trouble; there are few."""

    list_display = ("changed_at", "state_badge", "trouble", "subject", "words", "is_told")
    list_filter = (StateFilter,)
    fields = ("changed_at", "state_badge", "trouble", "subject", "words", "is_told")
    ordering = ("-is_on", "-changed_at")
    sortable_by = ()

    @admin.display(description=_("State"))
    def state_badge(self, row: Alert) -> str:
        """Whether it is still so, in its colour."""
        tone, text = ("error", gettext("out of order")) if row.is_on else ("well", gettext("well again"))
        return format_html('<span class="percipio-state percipio-{}">{}</span>', tone, text)

    @admin.display(description=_("Trouble"))
    def trouble(self, row: Alert) -> str:
        """What kind of trouble."""
        return words.of(TITLES, row.kind)
