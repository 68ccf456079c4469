"""Single courses that are left out, or that Percipio's catalog knows by another id; many at once from a CSV file."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.base import APP, ModelAdmin, demand, log, page
from percipio_openedx.models.course_answer import CourseAnswer
from percipio_openedx.operations import course_answers

HELP = {
    "course_key": _("The key of a course run (course-v1:Org+Course+Run), or course:Org+Course for all runs."),
    "content_id": _("Empty: by the rule of the site."),
}


class CourseImportForm(forms.Form):
    """A CSV file. Clean, it is a list of answers."""

    file = forms.FileField(label=_("CSV file"))

    def clean_file(self) -> list[CourseAnswer]:
        """Return the answers, or say what is wrong in which line."""
        return course_answers.read(self.cleaned_data["file"].read(course_answers.MOST_BYTES + 1))


@admin.register(CourseAnswer)
class CourseAnswerAdmin(ModelAdmin):
    """The one table here that operators write by hand."""

    list_display = ("course_key", "is_reported", "content_id", "updated_at")
    list_filter = ("is_reported",)
    search_fields = ("course_key__startswith", "content_id__startswith")
    change_list_template = "admin/percipio_openedx/course_answers.html"

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, help_texts=HELP, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("updated_at",) if obj else ()

    def get_urls(self) -> list[Any]:
        """Add the import to Django's own pages."""
        view = self.admin_site.admin_view(self.import_view)
        return [path("import/", view, name="percipio_openedx_courseanswer_import"), *super().get_urls()]

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file, and take over all of its lines or say what is wrong in which.

        Raises:
            PermissionDenied: without the permissions to add and to change answers.
        """
        demand(request, f"{APP}.add_courseanswer", f"{APP}.change_courseanswer")
        form = CourseImportForm(request.POST or None, request.FILES or None)
        if request.method != "POST" or not form.is_valid():
            return page(self, request, "course_import.html", gettext("Import answers for courses"), form=form)
        answers = form.cleaned_data["file"]
        taken = course_answers.take(answers)
        text = f"imported {len(answers)} answers: {taken.new} new, {taken.changed} changed"
        log(request, CourseAnswer, None, "CSV", text)
        said = gettext("%(new)d new, %(changed)d changed, %(same)d as they were.")
        messages.success(request, said % {"new": taken.new, "changed": taken.changed, "same": taken.same})
        return redirect("admin:percipio_openedx_courseanswer_changelist")
