"""Learners unknown to Percipio: who is held back for it, since when, and trying again."""

from __future__ import annotations

from django.contrib import admin, messages
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

    list_display = ("user_id", "where", "since", "last_refused_at", "courses")
    fields = list_display
    list_filter = (SiteFilter,)
    list_select_related = ("destination",)
    site_field = "destination__site_id"
    search_fields = ("=user_id",)
    actions = ("try_again",)
    # To try a learner again sends what was refused.
    has_requeue_permission = permitted("requeue_statement")

    @admin.display(description=_("Courses"))
    def courses(self, row: UnknownLearner) -> str:
        address = reverse("admin:percipio_openedx_learnercourse_changelist")
        return format_html('<a href="{}?q={}">{}</a>', address, row.user_id, gettext("Show"))

    @admin.action(description=_("Try again"), permissions=["requeue"])
    def try_again(self, request: HttpRequest, queryset: UnknownLearnerQuerySet) -> None:
        """End these holds: what was refused is sent once more, and what was held back is reported."""
        # Imported here so that the LMS starts without it.
        from percipio_openedx.operations.requeue import try_again

        chosen = UnknownLearner.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        self.log_each(request, chosen, gettext("To be tried again, by an operator."))
        learners, _statements = try_again(chosen, lambda: False)
        wake.on_commit()
        text = ngettext("%(count)s learner is tried again.", "%(count)s learners are tried again.", learners)
        self.message_user(request, text % {"count": learners}, messages.SUCCESS)
