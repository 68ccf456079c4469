"""Single courses that are left out, or that Percipio's catalogue knows by another id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ModelAdmin
from percipio_openedx.admin.search import is_course_key
from percipio_openedx.models.course_answer import CourseAnswer

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[CourseAnswer]
else:
    _ModelForm = forms.ModelForm

ALL_RUNS = "course:"


class CourseAnswerForm(_ModelForm):
    """A key that means something, and what is decided for it."""

    class Meta:
        model = CourseAnswer
        fields = ("course_key", "is_reported", "content_id")
        labels: ClassVar[dict[str, Any]] = {
            "course_key": _("Course"),
            "is_reported": _("Report this course"),
            "content_id": _("Id in Percipio's catalogue"),
        }
        help_texts: ClassVar[dict[str, Any]] = {
            "course_key": _("The key of a course run (course-v1:Org+Course+Run), or course:Org+Course for all runs."),
            "content_id": _("Empty: by the rule of the site."),
        }

    def clean_course_key(self) -> str:
        """A course run's key, or ``course:Org+Course``."""
        key: str = self.cleaned_data["course_key"].strip()
        org, plus, course = key.removeprefix(ALL_RUNS).partition("+")
        is_all_runs = key.startswith(ALL_RUNS) and bool(org and plus and course) and "+" not in course
        if not is_all_runs and not is_course_key(key):
            raise forms.ValidationError(_("Not a course: course-v1:Org+Course+Run or course:Org+Course is expected."))
        return key

    def clean_content_id(self) -> str:
        """Without the white space that copying brings along."""
        return str(self.cleaned_data["content_id"]).strip()


@admin.register(CourseAnswer)
class CourseAnswerAdmin(ModelAdmin):
    """The one table here that operators write by hand."""

    form = CourseAnswerForm
    list_display = ("course_key", "is_reported", "content_id", "updated_at")
    list_filter = ("is_reported",)
    search_fields = ("course_key__startswith", "content_id__startswith")
    change_list_template = "admin/percipio_openedx/course_answers.html"

    def get_urls(self) -> list[Any]:
        """The import beside Django's own pages."""
        page = self.admin_site.admin_view(self.import_page)
        return [path("import/", page, name="percipio_openedx_courseanswer_import"), *super().get_urls()]

    def import_page(self, request: HttpRequest) -> HttpResponse:
        """See ``course_import``; imported when it is opened."""
        from percipio_openedx.admin import course_import

        return course_import.show(self, request)

    def get_readonly_fields(self, request: Any, obj: Any = None) -> tuple[str, ...]:
        """When it was decided."""
        return ("updated_at",) if obj else ()
