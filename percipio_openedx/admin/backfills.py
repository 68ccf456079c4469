"""Back-fills: the list, and the pages on which one is started, watched and stopped."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from percipio_openedx import edx_platform
from percipio_openedx.admin.base import ReadOnlyAdmin, badge, may, shown_course
from percipio_openedx.admin.labels import LABELS
from percipio_openedx.capture import wake
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.operations import labels, sites

if TYPE_CHECKING:
    from percipio_openedx.operations.backfill import Forecast
    from percipio_openedx.operations.scope import Scope

# Learners in courses examined by a forecast, and its seconds, checked between two courses: somebody waits for the page.
SAMPLE = 200
SECONDS = 20.0


def _day(label: Any, help_text: Any) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, help_text=help_text)


class BackfillForm(forms.Form):
    """What a back-fill is about, cleaned to a ``Scope``."""

    site_id = forms.TypedChoiceField(label=_("Site"), required=False, coerce=int, empty_value=None)
    org = forms.CharField(label=_("Organization"), required=False, max_length=255)
    course_keys = forms.CharField(
        label=_("Courses"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 60, "dir": "ltr"}),
        help_text=_("Keys of course runs (course-v1:Org+Course+Run), one a line. Empty: all."),
    )
    since = _day(_("Since"), _("Only learners with an act from this day on (UTC); everything about them is reported."))
    until = _day(_("Until"), _("Only learners with an act up to this day, including it (UTC)."))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = sites.names(sites.reporting())
        choice: Any = self.fields["site_id"]
        choice.choices = [("", gettext("all sites that report")), *names.items()]

    def clean_course_keys(self) -> tuple[str, ...]:
        keys = []
        for key in self.cleaned_data["course_keys"].split():
            try:
                keys.append(edx_platform.stored_key(edx_platform.parsed(key)))
            except PlatformUnavailable:
                text = gettext("%(key)r is no course run; write course-v1:Org+Course+Run")
                raise forms.ValidationError(text % {"key": key}) from None
        return tuple(dict.fromkeys(keys))

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("since") and values.get("until") and values["since"] > values["until"]:
            self.add_error("until", gettext("This is before the first day."))
        return values

    @property
    def scope(self) -> Scope:
        from percipio_openedx.operations.scope import Scope

        values = self.cleaned_data
        until = values["until"]
        return Scope(
            site_id=values["site_id"],
            org=values["org"].strip(),
            course_keys=values["course_keys"],
            since=_midnight(values["since"]),
            until=_midnight(until and until + timedelta(days=1)),
        )


def _midnight(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC)


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
        ("add/", "backfillrun_add", "start_view", "run_backfillrun"),
        ("<int:pk>/stop/", "backfillrun_stop", "stop_view", "run_backfillrun"),
        ("<int:pk>/resume/", "backfillrun_resume", "resume_view", "run_backfillrun"),
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

    def start_view(self, request: HttpRequest) -> HttpResponse:
        """Ask what to back-fill, show the forecast, and start what was forecast."""
        from percipio_openedx.operations import backfill
        from percipio_openedx.operations.backfill import forecast
        from percipio_openedx.operations.scope import Limit

        form = BackfillForm(request.POST or None, initial=request.GET.dict())
        context: dict[str, Any] = {"form": form}
        if request.method == "POST" and form.is_valid():
            scope = form.scope
            before = backfill.unfinished(scope)
            # Only what the operator has seen the forecast of.
            if request.POST.get("forecast_of") == scope.key and "start" in request.POST:
                return self._begin(request, scope) if before is None else self.resume_view(request, pk=before.pk)
            try:
                found = forecast(scope, SAMPLE, Limit(time.monotonic() + SECONDS, SAMPLE))
                context |= _said(found) | {"key": scope.key, "before": before}
            except (PercipioConfigurationError, PlatformUnavailable) as error:
                context["problem"] = str(error)
        return self.page(request, "backfill_start.html", gettext("Back-fill"), **context)

    def _begin(self, request: HttpRequest, scope: Scope) -> HttpResponse:
        from percipio_openedx.operations import backfill

        row = backfill.begin(scope, by_workers=True, enrollments=backfill.enrollments_in(scope))
        wake.on_commit()
        said = gettext("The back-fill is started; the workers carry it on.")
        return self._done(request, row.pk, gettext("Started by an operator."), said)

    @method_decorator(require_POST)
    def stop_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Stop a run, whoever carries it out; it can be resumed where it is."""
        from percipio_openedx.operations import backfill

        if backfill.stop([pk]):
            said = gettext("The back-fill is stopped; what is being observed now is still reported.")
            return self._done(request, pk, gettext("Stopped by an operator."), said)
        messages.warning(request, gettext("The back-fill is finished."))
        return _to(pk)

    @method_decorator(require_POST)
    def resume_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Have the workers carry a stopped run on, as the command does with an unfinished one of the same scope."""
        from percipio_openedx.operations import backfill

        if backfill.resume([pk]):
            wake.on_commit()
            said = gettext("The workers go on with the back-fill where it stopped.")
            return self._done(request, pk, gettext("Resumed by an operator."), said)
        messages.warning(request, gettext("The back-fill is finished, or is being carried out already."))
        return _to(pk)

    def _done(self, request: HttpRequest, pk: int, log: str, said: str) -> HttpResponse:
        self.log(request, str(pk), f"backfill {pk}", log)
        messages.success(request, said)
        return _to(pk)


def _to(pk: int) -> HttpResponse:
    return redirect("admin:percipio_openedx_backfillrun_change", pk)


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


def _said(found: Forecast) -> dict[str, Any]:
    failed = sorted(found.failed_courses.items())[:SAMPLE]
    names = sites.course_names(key for key, _reason in failed)
    return {
        "found": found,
        "kinds": [(count, labels.of(labels.KINDS, kind)) for kind, count in sorted(found.statements.items())],
        "held": [(count, labels.of(labels.HOLDS, reason)) for reason, count in sorted(found.held.items())],
        "failed": [(shown_course(key, names.get(key, "")), reason) for key, reason in failed],
    }
