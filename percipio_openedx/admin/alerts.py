"""What operators were told, and what of it is still so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import words
from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.admin.figures import DestinationFigures, SiteFigures
from percipio_openedx.models.alert import Alert
from percipio_openedx.operations import alerts
from percipio_openedx.operations.troubles import PAUSES, TROUBLES, Trouble

Rows = QuerySet[Alert]


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One thing that is out of order: where, what, since when, and whether it has been mailed or logged yet."""

    where: str
    sentence: str
    since: datetime
    is_told: bool


def shown(sites: Iterable[SiteFigures]) -> list[OpenAlert]:
    """The open alerts as sentences in the reader's language, the oldest first. One query.

    Arguments:
        sites: the overview's figures, which may be younger or older than the alert by a minute.
    """
    places = {alerts.subject_of(found.row.pk): (site, found) for site in sites for found in site.destinations}
    return [_shown(row, places.get(row.subject)) for row in alerts.open_alerts()]


def _shown(row: Alert, place: tuple[SiteFigures, DestinationFigures] | None) -> OpenAlert:
    if row.subject == alerts.NOTICES:
        sentence = gettext("What learners do has not been looked at for too long. Does a worker run?")
        return OpenAlert("", sentence, row.changed_at, row.is_told)
    if place is None:
        # The destination is gone, or younger than the figures.
        return OpenAlert("", row.words, row.changed_at, row.is_told)
    site, found = place
    where = ", ".join(part for part in (site.domain, found.row.organization) if part)
    return OpenAlert(where, _sentence(row, found), row.changed_at, row.is_told)


def _sentence(row: Alert, found: DestinationFigures) -> str:
    """What is out of order at a destination now."""
    if row.kind == Trouble.PAUSED and found.row.paused_reason:
        return gettext("Nothing is sent. %(why)s") % {"why": words.of(PAUSES, found.row.paused_reason)}
    if row.kind == Trouble.PARKED and found.parked:
        return alerts.refusing(found.parked)
    if row.kind == Trouble.LATE and found.waiting_since:
        at = date_format(localtime(found.waiting_since), "DATETIME_FORMAT")
        return gettext("Since %(at)s the oldest statement has been waiting.") % {"at": at}
    return row.words


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
        return words.of(TROUBLES, row.kind)
