"""The hints that wait for a look."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.admin.paging import BoundedPaginator
from percipio_openedx.models.notice import EVERY_COURSE, Notice
from percipio_openedx.operations import words


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Rows that live for seconds: an old one means that no worker runs."""

    list_display = ("noticed_at", "user_id", "course", "why")
    ordering = ("id",)
    sortable_by = ()
    paginator = BoundedPaginator

    @admin.display(description=_("Course"))
    def course(self, row: Notice) -> str:
        """The course run's key, or that all of them are meant."""
        return row.course_key if row.course_key != EVERY_COURSE else str(_("every course"))

    @admin.display(description=_("Why"))
    def why(self, row: Notice) -> str:
        """What happened in the LMS."""
        return words.of(words.REASONS, row.reason)
