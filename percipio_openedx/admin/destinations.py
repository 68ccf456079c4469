"""The destinations, and the overview that begins with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import audit
from percipio_openedx.admin.access import SEND_AGAIN, ReadOnlyAdmin, permitted
from percipio_openedx.admin.statement_filters import SiteFilter
from percipio_openedx.capture import wake
from percipio_openedx.models.destination import Destination
from percipio_openedx.operations import words
from percipio_openedx.operations.problems import PAUSES


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    """One row for each endpoint of a site."""

    list_display = (
        "site",
        "organization",
        "failures",
        "failing_since",
        "retry_at",
        "pause",
        "last_success_at",
        "last_error",
    )
    list_display_links = ("site", "organization")
    list_filter = (SiteFilter,)
    ordering = ("site_id", "organization")
    actions = ("try_now",)

    @admin.display(description=_("Paused because"))
    def pause(self, row: Destination) -> str:
        """The reason, with the mend."""
        return words.of(PAUSES, row.paused_reason) if row.paused_reason else ""

    # Trying a destination sends what waits there.
    has_requeue_permission = permitted(SEND_AGAIN)

    @admin.action(description=_("Try now"), permissions=["requeue"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
        """Do not wait for the next time by itself: what was mended is proved by the next request."""
        from percipio_openedx.delivery import breaker

        rows = list(queryset)
        for row in rows:
            breaker.try_now(row, timezone.now())
        audit.noted_for_each(request, rows, gettext("To be tried at once, by an operator."))
        wake.on_commit()
        text = ngettext("%(count)s destination is tried now.", "%(count)s destinations are tried now.", len(rows))
        self.message_user(request, text % {"count": len(rows)}, messages.SUCCESS)

    def get_urls(self) -> list[Any]:
        """The overview, beside Django's own pages."""
        page = path("overview/", self.admin_site.admin_view(self.overview_view), name="percipio_openedx_overview")
        return [page, *super().get_urls()]

    def overview_view(self, request: HttpRequest) -> HttpResponse:
        """See ``overview``; imported when it is opened, as all pages are, so that the LMS starts without them."""
        from percipio_openedx.admin.overview import overview

        return overview(self, request)
