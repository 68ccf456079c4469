"""The statements: found fast, read only, and what an operator may do with them."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin import audit, search
from percipio_openedx.admin.access import EXPORT, GIVE_UP, SEND_AGAIN, ReadOnlyAdmin, permitted
from percipio_openedx.admin.paging import BoundedPaginator, badge
from percipio_openedx.admin.statement_filters import (
    CourseFilter,
    OutcomeFilter,
    SiteFilter,
    StateFilter,
    TimeFilter,
    VerbFilter,
)
from percipio_openedx.models.statement import Statement
from percipio_openedx.operations import words

if TYPE_CHECKING:
    from django.contrib.admin.views.main import ChangeList

Rows = QuerySet[Statement]


@admin.register(Statement)
class StatementAdmin(ReadOnlyAdmin):
    """One row for each thing that was, or will be, reported."""

    list_display = ("stored_at", "state_badge", "milestone", "learner", "course", "status", "short_answer", "site")
    list_display_links = ("stored_at",)
    list_filter = (SiteFilter, StateFilter, VerbFilter, OutcomeFilter, TimeFilter, CourseFilter)
    search_fields = ("uuid",)
    search_help_text = _(
        "A learner (user id, or the beginning of a username, email or name), a course key, both of them, or the id "
        "of a statement or registration. Lists end after the newest 10,000; of a course with more than 2,000 "
        "statements, a state shows what is among the newest 10,000 in that state."
    )
    ordering = ("-id",)
    sortable_by = ()
    paginator = BoundedPaginator
    actions = ("requeue", "discard", "export")
    fieldsets = (
        (
            None,
            {"fields": ("milestone", "learner", "course", "site", "happened_at", "stored_at", "uuid", "registration")},
        ),
        (
            _("Delivery"),
            {
                "fields": (
                    *("state_badge", "due_at", "attempts", "status", "answer", "settled_at", "destination"),
                    "voided_by",
                )
            },
        ),
        (_("As it is sent"), {"fields": ("statement_json", "track_json")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """All of it."""
        return [name for _title, options in self.fieldsets for name in options["fields"]]

    def get_queryset(self, request: HttpRequest) -> Rows:
        """Without the bodies, which no list shows, and without a join, which would spoil the order of the keys."""
        rows: Rows = super().get_queryset(request)
        return rows.defer("body", "track").prefetch_related("learner_course")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """A page whose rows know the names to show."""
        from percipio_openedx.admin.statement_actions import NamedChangeList

        return NamedChangeList

    def get_paginator(self, request: HttpRequest, queryset: Any, *args: Any, **kwargs: Any) -> BoundedPaginator:
        """Return the pages; a rare state of a large course is looked for differently (``large_course``)."""
        from percipio_openedx.admin import large_course

        return BoundedPaginator(large_course.narrowed(request.GET, queryset), *args, **kwargs)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Statement | None:
        """One row, with its names."""
        from percipio_openedx.admin.statement_actions import named

        row: Statement | None = super().get_object(request, object_id, from_field)
        return named([row])[0] if row is not None else None

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        """See ``search``; nothing is found twice. That people were looked for is written down."""
        query = search.understood(search_term)
        if query.learner:
            audit.searched(request, Statement)
        return search.statements(queryset, query), False

    # --- columns -----------------------------------------------------------------------------------------------------

    @admin.display(description=_("Learner"))
    def learner(self, row: Statement) -> str:
        """The username, leading to the learner's time line."""
        found = row.learner_course
        address = reverse("admin:percipio_openedx_timeline", args=[found.user_id, found.course_key])
        name = getattr(row, "username", None) or gettext("user %s") % found.user_id
        return format_html('<a href="{}">{}</a>', address, name)

    @admin.display(description=_("Course"))
    def course(self, row: Statement) -> str:
        """The course run's key."""
        return format_html("<bdi>{}</bdi>", row.learner_course.course_key)

    @admin.display(description=_("Milestone"))
    def milestone(self, row: Statement) -> str:
        """What is reported."""
        return words.of_milestone(row.kind, row.value)

    @admin.display(description=_("Site"))
    def site(self, row: Statement) -> str:
        """The domain."""
        return getattr(row, "site_domain", None) or str(row.site_id)

    @admin.display(description=_("State"))
    def state_badge(self, row: Statement) -> str:
        """Return the state, in its color."""
        return badge(row.state, words.of(words.STATES, row.state))

    @admin.display(description=_("Answer"))
    def short_answer(self, row: Statement) -> str:
        """The beginning of Percipio's words."""
        return format_html("<bdi>{}</bdi>", row.answer[:80] + ("…" if len(row.answer) > 80 else ""))

    @admin.display(description=_("Statement"))
    def statement_json(self, row: Statement) -> str:
        """The xAPI statement, laid out."""
        return laid_out(row.body)

    @admin.display(description=_("Track record"))
    def track_json(self, row: Statement) -> str:
        """The record of the same milestone for the Track API."""
        return laid_out(row.track) if row.track else gettext("none: the Track API has no form for this milestone")

    # --- acts --------------------------------------------------------------------------------------------------------

    has_requeue_permission = permitted(SEND_AGAIN)
    has_discard_permission = permitted(GIVE_UP)
    has_export_permission = permitted(EXPORT)

    @admin.action(description=_("Send again"), permissions=["requeue"])
    def requeue(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        """See ``statement_actions``."""
        from percipio_openedx.admin import statement_actions

        return statement_actions.requeue(self, request, queryset)

    @admin.action(description=_("Give up"), permissions=["discard"])
    def discard(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        """See ``statement_actions``."""
        from percipio_openedx.admin import statement_actions

        return statement_actions.discard(self, request, queryset)

    @admin.action(description=_("Export as JSON lines"), permissions=["export"])
    def export(self, request: HttpRequest, queryset: Rows) -> Any:
        """See ``statement_actions``."""
        from percipio_openedx.admin import statement_actions

        return statement_actions.export(request, queryset)


def laid_out(body: Any) -> str:
    """Frozen JSON as an operator can read it, escaped."""
    text = bytes(body).decode("utf-8", "replace")
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return format_html('<pre class="percipio-json" dir="ltr">{}</pre>', text)
