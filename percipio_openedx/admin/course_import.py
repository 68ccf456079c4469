"""Answers for many courses at once, from a CSV file: every line is right, or nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from percipio_openedx.admin.access import ModelAdmin, demand
from percipio_openedx.admin.audit import noted
from percipio_openedx.models.course_answer import CourseAnswer
from percipio_openedx.operations import course_answers, course_csv

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile

# A larger file is none of courses.
MOST_BYTES = 8 * 1024 * 1024


class CourseImportForm(forms.Form):
    """One file."""

    file = forms.FileField(label=gettext_lazy("CSV file"))

    def clean_file(self) -> str:
        """The text of the file."""
        upload: UploadedFile[bytes] = self.cleaned_data["file"]
        if upload.size is None or upload.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 8 MB."))
        try:
            return str(upload.read(), "utf-8")
        except UnicodeDecodeError:
            raise forms.ValidationError(_("The file is not encoded in UTF-8.")) from None


def show(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a file, and take it over or say what is wrong in which line.

    Raises:
        PermissionDenied: without the permissions to add and to change answers.
    """
    demand(request, "add_courseanswer", "change_courseanswer")
    form = CourseImportForm(request.POST or None, request.FILES or None)
    problems: list[course_csv.Problem] = []
    if request.method == "POST" and form.is_valid():
        parsed = course_csv.parse(form.cleaned_data["file"])
        problems = parsed.problems
        if not problems:
            _take(request, parsed.rows)
            return HttpResponseRedirect(reverse("admin:percipio_openedx_courseanswer_changelist"))
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Import answers for courses"),
        "opts": CourseAnswer._meta,
        "form": form,
        "problems": problems,
    }
    return TemplateResponse(request, "admin/percipio_openedx/course_import.html", context)


def _take(request: HttpRequest, rows: list[course_csv.Row]) -> None:
    taken = course_answers.take(rows)
    noted(request, CourseAnswer, None, "CSV", f"imported {len(rows)} answers: {taken.new} new, {taken.changed} changed")
    said = _("%(new)d new, %(changed)d changed, %(same)d as they were.")
    messages.success(request, said % {"new": taken.new, "changed": taken.changed, "same": taken.same})
