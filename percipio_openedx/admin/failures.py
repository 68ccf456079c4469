"""What the LMS could not be asked about: courses that wait, and single learners."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.admin.paging import BoundedPaginator
from percipio_openedx.models.notice import EVERY_COURSE
from percipio_openedx.models.observation_failure import ObservationFailure, Part

Rows = QuerySet[ObservationFailure]


class OfFilter(admin.SimpleListFilter):
    """Whole courses, or single learners."""

    title = _("of")
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """The two."""
        return [("course", _("a whole course")), ("learner", _("a learner"))]

    def queryset(self, request: HttpRequest, queryset: Rows) -> Rows:
        """Those that were chosen."""
        if self.value() == "course":
            return queryset.filter(user_id=0)
        return queryset.exclude(user_id=0) if self.value() == "learner" else queryset


@admin.register(ObservationFailure)
class ObservationFailureAdmin(ReadOnlyAdmin):
    """One row for each course run, or learner in one, that waits to be tried again."""

    list_display = ("course", "who", "what", "reason", "failures", "failing_since", "retry_at")
    list_filter = (OfFilter,)
    fields = ("course", "who", "what", "reason", "failures", "failing_since", "failed_at", "retry_at")
    search_fields = ("course_key",)
    ordering = ("id",)
    sortable_by = ()
    paginator = BoundedPaginator

    @admin.display(description=_("Course"))
    def course(self, row: ObservationFailure) -> str:
        """The course run's key, or that all of a learner's are meant."""
        return row.course_key if row.course_key != EVERY_COURSE else gettext("every course")

    @admin.display(description=_("User id"))
    def who(self, row: ObservationFailure) -> str:
        """The learner, or everybody."""
        return str(row.user_id) if row.user_id else gettext("all learners")

    @admin.display(description=_("What"))
    def what(self, row: ObservationFailure) -> str:
        """Everything, or the progress alone."""
        progress = gettext("the progress of its learners; the rest is reported")
        return progress if row.part == Part.PROGRESS else gettext("everything")
