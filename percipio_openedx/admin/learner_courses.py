"""Learners in courses: the list, the learner view with its time line, and the preview."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.sites.models import Site
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import audit, search
from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.admin.paging import BoundedPaginator, choice_filter
from percipio_openedx.enums import HoldReason
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations import words

Rows = QuerySet[LearnerCourse]


def _held_for(reason: HoldReason) -> Callable[[], Q]:
    """Return the condition: by site first, as the index is."""
    return lambda: Q(site_id__in=list(Site.objects.values_list("pk", flat=True)), hold_reason=reason)


HELD = choice_filter(
    _("not reported because"),
    "hold",
    {reason.value: (words.HOLDS[reason], _held_for(reason)) for reason in HoldReason},
)


@admin.register(LearnerCourse)
class LearnerCourseAdmin(ReadOnlyAdmin):
    """One row for each learner in a course run, as one site reports it."""

    list_display = ("user_id", "course_key", "site", "reported", "hold", "observed_at", "timeline_link")
    list_filter = (HELD,)
    search_fields = ("user_id",)
    search_help_text = _("A learner (user id, or the beginning of a username, email or name), a course key, or both.")
    ordering = ("-id",)
    sortable_by = ()
    paginator = BoundedPaginator

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        """See ``search``; nothing is found twice. That people were looked for is written down."""
        query = search.understood(search_term)
        if query.learner:
            audit.searched(request, LearnerCourse)
        if query.uuid is not None:
            return queryset.filter(registration=query.uuid), False
        if query.learner or query.course_key:
            return queryset.filter(pk__in=search.learner_courses(query).values("pk")), False
        return queryset, False

    @admin.display(description=_("Reported"))
    def reported(self, row: LearnerCourse) -> str:
        """What Percipio was told, in short."""
        reported = [
            gettext("started") if row.reported_started else "",
            f"{row.reported_percent} %" if row.reported_percent else "",
            gettext("passed") if row.reported_passed else "",
            gettext("completed") if row.reported_completed else "",
        ]
        return ", ".join(word for word in reported if word)

    @admin.display(description=_("Not reported because"))
    def hold(self, row: LearnerCourse) -> str:
        """The reason of the last look."""
        return words.of(words.HOLDS, row.hold_reason) if row.hold_reason else ""

    @admin.display(description=_("Time line"))
    def timeline_link(self, row: LearnerCourse) -> str:
        """To the time line."""
        address = reverse("admin:percipio_openedx_timeline", args=[row.user_id, row.course_key])
        return format_html('<a href="{}">{}</a>', address, gettext("Show"))

    def get_urls(self) -> list[Any]:
        """The learner view and the preview, beside Django's own pages."""
        view = self.admin_site.admin_view
        return [
            path("find/", view(self.find_view), name="percipio_openedx_learner"),
            path("preview/", view(self.preview_view), name="percipio_openedx_preview"),
            path("of/<int:user_id>/<path:course_key>/", view(self.timeline_view), name="percipio_openedx_timeline"),
            *super().get_urls(),
        ]

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """See ``learner``; imported when it is opened, as all pages are, so that the LMS starts without them."""
        from percipio_openedx.admin import learner

        return learner.find(self, request)

    def timeline_view(self, request: HttpRequest, user_id: int, course_key: str) -> HttpResponse:
        """See ``learner``."""
        from percipio_openedx.admin import learner

        return learner.show(self, request, user_id, course_key)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """See ``learner``."""
        from percipio_openedx.admin import learner

        return learner.preview_page(self, request)
