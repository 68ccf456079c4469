"""Start, stop and resume a back-fill: thin faces of ``operations.backfill``."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from percipio_openedx import edx_platform
from percipio_openedx.admin.base import OperatorAdmin, shown_course
from percipio_openedx.capture import wake
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.operations import BackfillRun
from percipio_openedx.operations import backfill, labels, sites
from percipio_openedx.operations.backfill import Forecast, forecast
from percipio_openedx.operations.scope import Limit, Scope

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


def start(model_admin: OperatorAdmin, request: HttpRequest) -> HttpResponse:
    """Ask what to back-fill, show the forecast, and start what was forecast."""
    form = BackfillForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        scope = form.scope
        # Only what the operator has seen the forecast of.
        if request.POST.get("forecast_of") == scope.key and "start" in request.POST:
            return _begin(model_admin, request, scope)
        try:
            found = forecast(scope, SAMPLE, Limit(time.monotonic() + SECONDS, SAMPLE))
            context |= _said(found) | {"key": scope.key, "before": backfill.unfinished(scope)}
        except (PercipioConfigurationError, PlatformUnavailable) as error:
            context["problem"] = str(error)
    return model_admin.page(request, "backfill_start.html", gettext("Back-fill"), **context)


def _said(found: Forecast) -> dict[str, Any]:
    failed = sorted(found.failed_courses.items())[:SAMPLE]
    names = sites.course_names(key for key, _reason in failed)
    return {
        "found": found,
        "kinds": [(count, labels.of(labels.KINDS, kind)) for kind, count in sorted(found.statements.items())],
        "held": [(count, labels.of(labels.HOLDS, reason)) for reason, count in sorted(found.held.items())],
        "failed": [(shown_course(key, names.get(key, "")), reason) for key, reason in failed],
    }


def _begin(model_admin: OperatorAdmin, request: HttpRequest, scope: Scope) -> HttpResponse:
    """Begin a run, or go on with the unfinished one of the same scope, as the command does."""
    before = backfill.unfinished(scope)
    if before is not None:
        return resume(model_admin, request, before.pk)
    row = backfill.begin(scope, by_workers=True, enrollments=backfill.enrollments_in(scope))
    model_admin.log(request, str(row.pk), f"backfill {row.pk}", gettext("Started by an operator."))
    wake.on_commit()
    messages.success(request, gettext("The back-fill is started; the workers carry it on."))
    return _to(row.pk)


@method_decorator(require_POST)
def stop(model_admin: OperatorAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Stop a run, whoever carries it out; it can be resumed where it is."""
    if backfill.stop([pk]):
        model_admin.log(request, str(pk), f"backfill {pk}", gettext("Stopped by an operator."))
        messages.success(request, gettext("The back-fill is stopped; what is being observed now is still reported."))
    else:
        messages.warning(request, gettext("The back-fill is finished."))
    return _to(pk)


@method_decorator(require_POST)
def resume(model_admin: OperatorAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Have the workers carry a stopped run on."""
    if backfill.resume([pk]):
        model_admin.log(request, str(pk), f"backfill {pk}", gettext("Resumed by an operator."))
        wake.on_commit()
        messages.success(request, gettext("The workers go on with the back-fill where it stopped."))
    else:
        messages.warning(request, gettext("The back-fill is finished, or is being carried out already."))
    return _to(pk)


def _to(pk: int) -> HttpResponse:
    row = BackfillRun.objects.filter(pk=pk).exists()
    return redirect("admin:percipio_openedx_backfillrun_change", pk) if row else redirect("admin:index")
