"""Single courses that are left out, or that Percipio's catalog knows by another id; many at once from a CSV file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ModelAdmin, demand
from percipio_openedx.admin.labels import LABELS
from percipio_openedx.models.course_override import CourseOverride

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[CourseOverride]
else:
    _ModelForm = forms.ModelForm


class CourseOverrideForm(_ModelForm):
    """What is decided for a course; the model judges the key."""

    class Meta:
        model = CourseOverride
        fields = ("course_key", "is_reported", "content_id")
        labels: ClassVar[dict[str, Any]] = dict(LABELS)
        help_texts: ClassVar[dict[str, Any]] = {
            "course_key": _("The key of a course run (course-v1:Org+Course+Run), or course:Org+Course for all runs."),
            "content_id": _("Empty: by the rule of the site."),
        }


class CourseImportForm(forms.Form):
    """A CSV file. Clean, it is a list of answers."""

    file = forms.FileField(label=_("CSV file"))

    def clean_file(self) -> list[CourseOverride]:
        """Return the answers, or say what is wrong in which line."""
        from percipio_openedx.operations import course_overrides

        return course_overrides.read(self.cleaned_data["file"].read(course_overrides.MOST_BYTES + 1))


@admin.register(CourseOverride)
class CourseOverrideAdmin(ModelAdmin):
    """The one table here that operators write by hand."""

    form = CourseOverrideForm
    list_display = ("course_key", "is_reported", "content_id", "updated_at")
    list_filter = ("is_reported",)
    search_fields = ("course_key__startswith", "content_id__startswith")
    change_list_template = "admin/percipio_openedx/course_overrides.html"

    def get_urls(self) -> list[Any]:
        """Add the import to Django's own pages."""
        page = self.admin_site.admin_view(self.import_page)
        return [path("import/", page, name="percipio_openedx_courseoverride_import"), *super().get_urls()]

    def get_readonly_fields(self, request: Any, obj: Any = None) -> tuple[str, ...]:
        """Show when it was decided."""
        return ("updated_at",) if obj else ()

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for a file, and take over all of its lines or say what is wrong in which.

        Raises:
            PermissionDenied: without the permissions to add and to change answers.
        """
        from percipio_openedx.admin.audit import noted
        from percipio_openedx.operations import course_overrides

        demand(request, "add_courseoverride", "change_courseoverride")
        form = CourseImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            answers = form.cleaned_data["file"]
            taken = course_overrides.take(answers)
            text = f"imported {len(answers)} answers: {taken.new} new, {taken.changed} changed"
            noted(request, CourseOverride, None, "CSV", text)
            said = gettext("%(new)d new, %(changed)d changed, %(same)d as they were.")
            messages.success(request, said % {"new": taken.new, "changed": taken.changed, "same": taken.same})
            return HttpResponseRedirect(reverse("admin:percipio_openedx_courseoverride_changelist"))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": gettext("Import answers for courses"),
            "opts": CourseOverride._meta,
            "form": form,
        }
        return TemplateResponse(request, "admin/percipio_openedx/course_import.html", context)
