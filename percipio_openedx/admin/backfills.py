"""The backfills: what was asked for, and how far each has come."""

from __future__ import annotations

import contextlib
import json

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.admin.labels import SCOPES
from percipio_openedx.models.backfill import BackfillRun


@admin.register(BackfillRun)
class BackfillRunAdmin(ReadOnlyAdmin):
    """One row for each call of ``percipio_backfill`` that was not the continuation of another."""

    list_display = ("started_at", "state_badge", "asked_for", "looked", "statements", "held", "troubled", "finished_at")
    fields = (
        "started_at",
        "state_badge",
        "asked_for",
        "looked",
        "statements",
        "held",
        "troubled",
        "course_key",
        "enrollment_id",
        "finished_at",
    )
    ordering = ("-id",)
    sortable_by = ()

    @admin.display(description=_("State"))
    def state_badge(self, row: BackfillRun) -> str:
        """Whether it came to its end, and without trouble."""
        if row.finished_at is None:
            tone, text = "warning", gettext("not finished: running, or stopped")
        elif row.troubled:
            tone, text = "error", gettext("finished, with courses left out")
        else:
            tone, text = "well", gettext("finished")
        return format_html('<span class="percipio-state percipio-{}">{}</span>', tone, text)

    @admin.display(description=_("Asked for"))
    def asked_for(self, row: BackfillRun) -> str:
        """The bounds that were given, in words."""
        bounds: dict[str, object] = {}
        with contextlib.suppress(ValueError):
            bounds = json.loads(row.scope)
        given = [f"{SCOPES.get(name, name)}: {_plain(value)}" for name, value in bounds.items() if value]
        return "; ".join(given) or gettext("everything")


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
