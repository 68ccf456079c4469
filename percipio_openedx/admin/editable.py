"""The tables that operators edit: course overrides and pull clients."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import edx_platform
from percipio_openedx.admin.base import OperatorAdmin
from percipio_openedx.enums import Offer
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.catalog import CourseOverride
from percipio_openedx.models.configuration import Account
from percipio_openedx.models.destination import PullClient
from percipio_openedx.operations import course_overrides, labels
from percipio_openedx.settings.common import PULL_SCOPE


class CourseImportForm(forms.Form):
    """A CSV file, cleaned to course overrides."""

    file = forms.FileField(label=_("CSV file"))

    def clean_file(self) -> course_overrides.OverrideFile:
        return course_overrides.read(self.cleaned_data["file"].read(course_overrides.MOST_BYTES + 1))


class CourseOverrideForm(forms.ModelForm):  # type: ignore[type-arg]
    """An override; the columns are described, and one that takes three words offers them."""

    offer = forms.ChoiceField(
        choices=[(one.value, labels.OFFERS[one]) for one in Offer],
        required=False,
        label=_("In the catalog"),
        help_text=_("Whether the course is offered in Percipio's catalog."),
    )

    class Meta:
        help_texts = {  # noqa: RUF012 - Django reads it as it is
            "course_key": _("The key of a course run (course-v1:Org+Course+Run), or course:Org+Course for all runs."),
            "content_id": _("Empty: by the rule of the site."),
            "title": _("Empty: the course's name."),
            "type": _("Empty: as the site's configuration says."),
            "duration": _("Empty: the course's effort."),
            "tags": _("Separated by commas."),
            "author": _("Empty: the organization as the LMS displays it."),
        }


@admin.register(CourseOverride)
class CourseOverrideAdmin(OperatorAdmin):
    """Course overrides: what is decided about courses; bulk import from CSV, and a list of all course runs."""

    form = CourseOverrideForm
    list_display = ("course_key", "name", "is_reported", "content_id", "offer", "title", "updated_at")
    list_filter = ("is_reported", "offer")
    search_fields = ("course_key__startswith", "content_id__startswith")
    change_list_template = "admin/percipio_openedx/course_overrides.html"
    pages = (
        ("import/", "courseoverride_import", "import_view", "add_courseoverride", "change_courseoverride"),
        ("runs/", "course_runs", "course_runs.course_runs", "view_courseoverride"),
    )

    def called(self, row: Any) -> str:
        return str(row.course_key)

    @admin.display(description=_("Name"))
    def name(self, row: Any) -> str:
        return format_html("<bdi>{}</bdi>", row.texts.get(row.course_key, ""))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("updated_at",) if obj else ()

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file; import all of its lines, or show the problems by line."""
        form = CourseImportForm(request.POST or None, request.FILES or None)
        if request.method != "POST" or not form.is_valid():
            return self.page(request, "course_import.html", gettext("Import course overrides"), form=form)
        answers = form.cleaned_data["file"]
        taken = course_overrides.take(answers)
        self.log(
            request, None, "CSV", f"imported {len(answers.rows)} answers: {taken.new} new, {taken.changed} changed"
        )
        said = gettext("%(new)d new, %(changed)d changed, %(same)d as they were.")
        messages.success(request, said % {"new": taken.new, "changed": taken.changed, "same": taken.same})
        return redirect("admin:percipio_openedx_courseoverride_changelist")


class PullClientForm(forms.ModelForm):  # type: ignore[type-arg]
    """A client can be enabled only if its application can get a usable token."""

    class Meta:
        model = PullClient
        fields = ("site", "account", "client_id", "enabled")
        help_texts = {  # noqa: RUF012 - Django reads it as it is
            "account": _(
                "The name of one of the site's accounts: it reads what is made for that one. Empty without any."
            ),
            "client_id": format_lazy(
                _(
                    "Of an OAuth2 application of this LMS: confidential, client credentials, with an application "
                    "access with the scope {scope}, and with a user that owns no other application: else its signed "
                    "tokens (JWT) are refused, which do not say which application they are of."
                ),
                scope=PULL_SCOPE,
            ),
            "enabled": _("Whether it may read these statements, learners' names and addresses included."),
        }

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("site") is not None and values.get("enabled"):
            known = {row.name for row in Account.in_order([values["site"].pk])}
            if known and not values.get("account"):
                self.add_error("account", gettext("The site has accounts: name the one that this client may read of."))
            elif values.get("account") and values["account"] not in known:
                self.add_error("account", gettext("The site has no account of this name."))
        if values.get("enabled") and values.get("client_id"):
            try:
                mistakes = edx_platform.application_mistakes(values["client_id"], PULL_SCOPE)
            except PlatformUnavailable as error:
                mistakes = [gettext("The LMS cannot tell: %(error)s.") % {"error": error}]
            for mistake in mistakes:
                self.add_error("client_id", mistake)
        return values


@admin.register(PullClient)
class PullClientAdmin(OperatorAdmin):
    """The applications that may read a site's statements."""

    form = PullClientForm
    list_display = ("client_id", "site", "account", "enabled")
    list_filter = ("enabled", "site")
    list_select_related = ("site",)

    def save_model(self, request: HttpRequest, obj: PullClient, form: PullClientForm, change: bool) -> None:
        """Save, and warn of what is valid but will not work."""
        super().save_model(request, obj, form, change)
        if obj.enabled:
            # The form has reported it already.
            with suppress(PlatformUnavailable):
                if problem := edx_platform.signed_token_problem(obj.client_id):
                    messages.warning(request, problem)
