"""Learners unknown to Percipio: who is held back for it, since when, and trying again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.sites.models import Site
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.base import ReadOnlyAdmin, SiteFilter, permitted
from percipio_openedx.capture import wake
from percipio_openedx.models.unknown_learner import UnknownLearner, UnknownLearnerQuerySet


@admin.register(UnknownLearner)
class UnknownLearnerAdmin(ReadOnlyAdmin):
    """One row per learner and destination."""

    list_display = ("user_id", "site", "organization", "since", "last_refused_at", "courses")
    fields = list_display
    list_filter = (SiteFilter,)
    list_select_related = ("destination",)
    search_fields = ("=user_id",)
    actions = ("try_again",)
    # To try a learner again sends what was refused.
    has_requeue_permission = permitted("requeue_statement")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows with the site of their destination, which the column and the filter read."""
        domain = Site.objects.filter(pk=OuterRef("destination__site_id")).values("domain")[:1]
        rows = UnknownLearner.objects.order_by("-pk")
        annotated: QuerySet[Any] = rows.annotate(site_id=F("destination__site_id"), site_domain=Subquery(domain))
        return annotated

    @admin.display(description=_("Organization"))
    def organization(self, row: UnknownLearner) -> str:
        return row.destination.organization

    @admin.display(description=_("Courses"))
    def courses(self, row: UnknownLearner) -> str:
        address = reverse("admin:percipio_openedx_learnercourse_changelist")
        return format_html('<a href="{}?q={}">{}</a>', address, row.user_id, gettext("Show"))

    @admin.action(description=_("Try again"), permissions=["requeue"])
    def try_again(self, request: HttpRequest, queryset: UnknownLearnerQuerySet) -> None:
        """End these holds: what was refused is sent once more, and what was held back is reported."""
        # Imported here so that the LMS starts without it.
        from percipio_openedx.operations.unknown_learners import try_again

        chosen = UnknownLearner.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        self.log_each(request, chosen, gettext("To be tried again, by an operator."))
        learners, _statements = try_again(chosen, lambda: False)
        wake.on_commit()
        text = ngettext("%(count)s learner is tried again.", "%(count)s learners are tried again.", learners)
        self.message_user(request, text % {"count": learners}, messages.SUCCESS)
