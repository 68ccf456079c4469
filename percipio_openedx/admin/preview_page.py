"""The preview: what would be sent of a learner and a course now. Nothing is sent, nothing is written but who looked."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from percipio_openedx.admin import audit, search
from percipio_openedx.admin.access import PREVIEW, ModelAdmin, demand
from percipio_openedx.admin.course_choice import chosen
from percipio_openedx.admin.statements import laid_out
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations import words
from percipio_openedx.reporting.preview import Preview, preview


def show(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a learner and a course, and show what they would produce.

    Raises:
        PermissionDenied: without the permission to preview.
    """
    demand(request, PREVIEW)
    typed = {name: request.GET.get(name, "").strip() for name in ("learner", "course")}
    afresh = "afresh" in request.GET
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("Preview"),
        "opts": LearnerCourse._meta,
        "typed": typed,
        "afresh": afresh,
    }
    if any(typed.values()):
        context.update(_answer(request, typed["learner"], typed["course"], afresh))
    return TemplateResponse(request, "admin/percipio_openedx/preview.html", context)


def _answer(request: HttpRequest, text: str, course: str, afresh: bool) -> dict[str, Any]:
    choice = chosen(course)
    if not choice.key:
        return {"problem": choice.problem or _("Which course?"), "choice": choice}
    try:
        found = search.learners_named(text, choice.key)
    except PlatformUnavailable as error:
        return {"problem": str(error)}
    # Who is not reported is no candidate. Whoever was typed in full is known to the one who asks why not.
    learner = next(iter(found.values())) if len(found) == 1 else search.typed_in_full(text)
    if learner is None:
        audit.searched(request, LearnerCourse, len(found))
        return {
            "problem": _("No learner, or more than one, is meant."),
            "candidates": list(found.values()),
            "choice": choice,
        }
    row = LearnerCourse.objects.filter(user_id=learner.user_id, course_key=choice.key).order_by("site_id").first()
    name = audit.of_learner(learner.user_id, choice.key)
    audit.noted(request, LearnerCourse, str(row.pk) if row else None, name, _("Previewed what would be reported."))
    try:
        shown = preview(learner.user_id, choice.key, afresh=afresh)
    except PlatformUnavailable as error:
        return {"problem": str(error)}
    except PercipioConfigurationError as error:
        return {"problem": error.words}
    if shown.configuration is None:
        return {"problem": _("The site of this course reports nothing: it is switched off, or has no configuration.")}
    return {
        "learner": found.get(learner.user_id),
        "typed_learner": text,
        "course_key": choice.key,
        "course": shown.course,
        "is_answered": True,
        **_words(shown),
    }


def _words(shown: Preview) -> dict[str, Any]:
    step = shown.configuration.policy.progress_step if shown.configuration else 0
    return {
        "api": shown.configuration.api if shown.configuration else "",
        "hold": words.of(words.HOLDS, shown.hold) if shown.hold else "",
        "trouble": words.of_problem(shown.problem),
        "statements": [
            {
                "title": words.of_milestone(milestone.kind, milestone.value),
                "statement": laid_out(built.body),
                "track": laid_out(built.track) if built.track else "",
            }
            for milestone, built in shown.statements
        ],
        "unsaid": [(words.of(words.KINDS, one.kind), words.of_unsaid(one, step)) for one in shown.unsaid],
    }
