"""Back-fills: the list, and the pages on which one is started, watched and stopped."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from percipio_openedx.admin.base import ReadOnlyAdmin, badge, may
from percipio_openedx.admin.labels import LABELS
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.operations import sites


class BackfillList(ChangeList):
    """A list whose rows have the names of the sites that were asked for (``site_names``), read once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = self.result_list = list(self.result_list)
        wanted = [_bounds(row).get("site_id") for row in rows]
        names = sites.names(one for one in wanted if isinstance(one, int))
        for row in rows:
            row.site_names = names


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
        names = getattr(row, "site_names", {})
        bounds = {name: value for name, value in _bounds(row).items() if value}
        given = [f"{LABELS.get(name, name)}: {_bound(name, value, names)}" for name, value in bounds.items()]
        return "; ".join(given) or gettext("everything")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BackfillList

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the operator may start one: that is a page of its own, with a forecast."""
        return may(request, "run_backfillrun")

    def get_urls(self) -> list[Any]:
        acts = [
            path(
                f"<int:pk>/{name}/",
                self.admin_site.admin_view(require_POST(view)),
                name=f"percipio_openedx_backfillrun_{name}",
            )
            for name, view in (("stop", self.stop_view), ("resume", self.resume_view))
        ]
        return [*acts, *super().get_urls()]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # Imported here so that the LMS starts without it.
        from percipio_openedx.admin import backfill_pages

        return backfill_pages.start(self, request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        is_number = object_id.isdecimal() and len(object_id) < 19
        row = BackfillRun.objects.filter(pk=object_id).first() if is_number else None
        context = {"row": row, "may_run": may(request, "run_backfillrun"), **(extra_context or {})}
        if row is not None and row.finished_at is None:
            context["is_carried_on"] = row.by_workers or row.is_leased(timezone.now())
        return super().change_view(request, object_id, form_url, context)

    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        from percipio_openedx.admin import backfill_pages

        return backfill_pages.stop(self, request, pk)

    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        from percipio_openedx.admin import backfill_pages

        return backfill_pages.resume(self, request, pk)


def _bounds(row: BackfillRun) -> Mapping[str, object]:
    """Return what a run was asked for; nothing where that cannot be read."""
    bounds: dict[str, object] = {}
    with contextlib.suppress(ValueError):
        bounds = json.loads(row.scope)
    return bounds


def _bound(name: str, value: object, names: Mapping[int, str]) -> str:
    if name == "site_id" and isinstance(value, int):
        return names.get(value) or sites.site_name(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
