"""The destinations, the requests that went there, and the overview that begins with them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.base import (
    SEND_AGAIN,
    ReadOnlyAdmin,
    SiteFilter,
    badge,
    choice_filter,
    log_each,
    permitted,
)
from percipio_openedx.capture import wake
from percipio_openedx.codes import Api, Outcome
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.destination import Destination
from percipio_openedx.operations import words
from percipio_openedx.operations.problems import PAUSES


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    """One row for each endpoint of a site."""

    list_display = (
        *("site", "organization", "failures", "failing_since", "retry_at", "pause", "last_success_at", "last_error"),
    )
    list_display_links = ("site", "organization")
    list_filter = (SiteFilter,)
    ordering = ("site_id", "organization")
    sortable_by = None
    actions = ("try_now",)

    @admin.display(description=_("Paused because"))
    def pause(self, row: Destination) -> str:
        return words.of(PAUSES, row.paused_reason)

    # Trying a destination sends what waits there.
    has_send_again_permission = permitted(SEND_AGAIN)

    @admin.action(description=_("Try now"), permissions=["send_again"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
        """Do not wait for the next time by itself: what was fixed is proved by the next request."""
        from percipio_openedx.delivery import breaker

        rows = list(queryset)
        for row in rows:
            breaker.try_now(row, timezone.now())
        log_each(request, rows, gettext("To be tried at once, by an operator."))
        wake.on_commit()
        text = ngettext("%(count)s destination is tried now.", "%(count)s destinations are tried now.", len(rows))
        self.message_user(request, text % {"count": len(rows)}, messages.SUCCESS)

    def get_urls(self) -> list[Any]:
        """Add the overview to Django's own pages."""
        page = path("overview/", self.admin_site.admin_view(self.overview_view), name="percipio_openedx_overview")
        return [page, *super().get_urls()]

    def overview_view(self, request: HttpRequest) -> HttpResponse:
        """See ``overview``; imported when it is opened, so that the LMS starts without the delivery."""
        from percipio_openedx.admin.overview import overview

        return overview(self, request)


# The color of an outcome: that of the state in which it leaves the statements.
COLORS: dict[str, str] = {Outcome.ACCEPTED: "delivered", Outcome.REFUSED: "parked", Outcome.UNAUTHORISED: "parked"}


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """One row for each HTTP request to Percipio."""

    list_display = (
        *("started_at", "destination", "api", "statements", "accepted", "status", "outcome_badge"),
        *("duration_ms", "answer"),
    )
    list_filter = (
        choice_filter(_("API"), "api", {api.value: (api.value, Q(api=api)) for api in Api}),
        choice_filter(
            _("outcome"), "outcome", {value.value: (words.OUTCOMES[value], Q(outcome=value)) for value in Outcome}
        ),
    )
    list_select_related = ("destination",)

    @admin.display(description=_("Outcome"))
    def outcome_badge(self, row: DeliveryAttempt) -> str:
        return badge(COLORS.get(row.outcome, "waiting"), words.of(words.OUTCOMES, row.outcome))
