"""Back-fills: the list, and the pages on which one is started, watched and stopped."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.base import ReadOnlyAdmin, badge, may
from percipio_openedx.admin.labels import LABELS
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.operations import sites


@admin.register(BackfillRun)
class BackfillRunAdmin(ReadOnlyAdmin):
    """One row per run, begun by ``percipio_backfill`` or here; resuming adds none."""

    list_display = (
        "started_at",
        "state_badge",
        "asked_for",
        "done",
        "observed",
        "statements",
        "held",
        "failed_courses",
        "finished_at",
    )
    fields = (*list_display[:-1], "course", "enrollment_id", "problem", "finished_at")
    change_form_template = "admin/percipio_openedx/backfill_run.html"
    pages = (
        ("add/", "backfillrun_add", "backfill_pages.start", "run_backfillrun"),
        ("<int:pk>/stop/", "backfillrun_stop", "backfill_pages.stop", "run_backfillrun"),
        ("<int:pk>/resume/", "backfillrun_resume", "backfill_pages.resume", "run_backfillrun"),
    )

    @admin.display(description=_("State"))
    def state_badge(self, row: BackfillRun) -> str:
        """Return who carries it on, or whether it finished without a problem."""
        if row.finished_at is not None:
            if row.failed_courses:
                return badge("error", gettext("finished, with courses left out"))
            return badge("well", gettext("finished"))
        if row.by_workers:
            return badge("error" if row.problem else "waiting", gettext("carried on by the workers"))
        if row.is_leased(timezone.now()):
            return badge("waiting", gettext("carried out by percipio_backfill"))
        return badge("warning", gettext("stopped"))

    @admin.display(description=_("Enrollments"))
    def done(self, row: BackfillRun) -> str:
        if row.enrollments is None:
            return str(row.enrollments_done)
        return gettext("%(done)s of %(all)s") % {"done": row.enrollments_done, "all": row.enrollments}

    @admin.display(description=_("Asked for"))
    def asked_for(self, row: BackfillRun) -> str:
        names, bounds = getattr(row, "texts", None) or self.texts_of([row]), _bounds(row).items()
        given = [f"{LABELS.get(name, name)}: {_bound(name, value, names)}" for name, value in bounds if value]
        return "; ".join(given) or gettext("everything")

    def texts_of(self, rows: Iterable[BackfillRun]) -> dict[int, str]:
        asked_for = (_bounds(row).get("site_id") for row in rows)
        return sites.names(one for one in asked_for if isinstance(one, int))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the operator may start one: that is a page of its own, with a forecast."""
        return may(request, "run_backfillrun")

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Say whether somebody carries an unfinished run on, so that it can be stopped or resumed."""
        row: BackfillRun | None = context.get("original")
        context["is_carried_on"] = row is not None and (row.by_workers or row.is_leased(timezone.now()))
        return super().render_change_form(request, context, *args, **kwargs)


def _bounds(row: BackfillRun) -> Mapping[str, object]:
    """Return what a run was asked for; nothing where that cannot be read."""
    bounds: dict[str, object] = {}
    with contextlib.suppress(ValueError):
        bounds = json.loads(row.scope)
    return bounds


def _bound(name: str, value: object, names: Mapping[int, str]) -> str:
    if name == "site_id" and isinstance(value, int):
        return names[value]
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
