"""The learner's pages: why is this completion not in Percipio, and what would be sent now?"""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from percipio_openedx import edx_platform
from percipio_openedx.admin import audit, people, search, timeline
from percipio_openedx.admin.access import PREVIEW, ModelAdmin, demand, may
from percipio_openedx.admin.statements import laid_out
from percipio_openedx.data import Learner
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.models.statement import Statement
from percipio_openedx.operations import words
from percipio_openedx.reporting.preview import preview

MOST = 100
SEEING = ("view_learnercourse", "view_statement")


def find(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Find learners in courses by what was typed. Named are those whom a site reports; the search is written down.

    Raises:
        PermissionDenied: without the permission to see learners in courses and their statements.
    """
    demand(request, *SEEING)
    text, course = (request.GET.get(name, "").strip() for name in ("q", "course"))
    choice = search.chosen(course)
    query = search.Query() if choice.problem else search.understood(text)
    if choice.key:
        query = query._replace(course_key=choice.key)
    rows: list[LearnerCourse] = []
    problem = ""
    named: dict[int, Learner] = {}
    if query.uuid is not None:
        rows = _of_uuid(query.uuid)
    elif query.learner or query.course_key:
        try:
            rows = list(search.learner_courses(query).order_by("-pk")[:MOST])
            named = search.learners_named(query.learner, query.course_key)
        except PlatformUnavailable as error:
            problem = str(error)
    shown = edx_platform.learners({row.user_id for row in rows if people.is_shown(row)})
    if query.uuid is not None or query.learner or query.course_key:
        audit.searched(request, LearnerCourse, len({*named, *shown}))
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("A learner's reports"),
        "opts": LearnerCourse._meta,
        "text": text,
        "course": course,
        "choice": choice,
        "is_asked": bool(text or choice.key) and not choice.problem,
        "rows": [
            {"row": row, "learner": shown.get(row.user_id) if people.is_shown(row) else None, "hold": _hold(row)}
            for row in rows
        ],
        "problem": problem,
        "is_cut": len(rows) == MOST,
        "others": [person for pk, person in named.items() if pk not in {row.user_id for row in rows}],
        "course_key": query.course_key,
    }
    return TemplateResponse(request, "admin/percipio_openedx/learner.html", context)


def _hold(row: LearnerCourse) -> str:
    return words.of(words.HOLDS, row.hold_reason) if row.hold_reason else ""


def _of_uuid(uuid: UUID) -> list[LearnerCourse]:
    """Return the learner in a course that a registration or a statement belongs to."""
    found = LearnerCourse.objects.filter(registration=uuid).first()
    if found is None:
        statement = Statement.objects.filter(uuid=uuid).select_related("learner_course").only("learner_course").first()
        found = statement.learner_course if statement else None
    return [found] if found else []


def show(model_admin: ModelAdmin, request: HttpRequest, user_id: int, course_key: str) -> HttpResponse:
    """Show one learner in one course run as a time line; named if a site reports them. That is written down.

    Raises:
        PermissionDenied: as for ``find``.
        Http404: that is no course key.
    """
    demand(request, *SEEING)
    if not search.is_course_key(course_key):
        raise Http404
    found = LearnerCourse.objects.filter(user_id=user_id, course_key=course_key).order_by("site_id")
    rows: list[LearnerCourse | None] = [*found] or [None]
    _written_down(request, user_id, course_key, _("Looked at the time line."))
    learner = edx_platform.learners([user_id]).get(user_id)
    if learner is not None and not any(people.is_shown(row) for row in found):
        # Whoever cannot be told to be reported is not named either.
        account, learner = learner, None
        with suppress(PlatformUnavailable):
            learner = people.reported({user_id: account}, course_key).get(user_id)
    context: dict[str, Any] = {
        **model_admin.admin_site.each_context(request),
        "title": _("From notice to answer"),
        "opts": LearnerCourse._meta,
        "learner": learner,
        "user_id": user_id,
        "course_key": course_key,
        "lines": [(row, timeline.entries(row, user_id, course_key)) for row in rows],
        "may_preview": may(request, PREVIEW),
        **_now(user_id, course_key),
    }
    return TemplateResponse(request, "admin/percipio_openedx/timeline.html", context)


def preview_page(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a learner and a course, and show what would be sent now. Nothing is sent; who asked is written down.

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
        context.update(_previewed(request, typed["learner"], typed["course"], afresh))
    return TemplateResponse(request, "admin/percipio_openedx/preview.html", context)


def _previewed(request: HttpRequest, text: str, course: str, afresh: bool) -> dict[str, Any]:
    choice = search.chosen(course)
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
    _written_down(request, learner.user_id, choice.key, _("Previewed what would be reported."))
    now = _now(learner.user_id, choice.key, afresh=afresh)
    if "problem" in now:
        return now
    return {
        "learner": found.get(learner.user_id),
        "typed_learner": text,
        "course_key": choice.key,
        "is_answered": True,
        **now,
    }


def _written_down(request: HttpRequest, user_id: int, course_key: str, text: str) -> None:
    row = LearnerCourse.objects.filter(user_id=user_id, course_key=course_key).order_by("site_id").first()
    audit.noted(request, LearnerCourse, str(row.pk) if row else None, audit.of_learner(user_id, course_key), text)


def _now(user_id: int, course_key: str, *, afresh: bool = False) -> dict[str, Any]:
    """Return what an observation would find at this moment: what is due, and why the rest is not."""
    try:
        found = preview(user_id, course_key, afresh=afresh)
    except PlatformUnavailable as error:
        return {"problem": str(error)}
    except PercipioConfigurationError as error:
        return {"problem": error.words}
    if found.configuration is None:
        return {"problem": _("The site of this course reports nothing: it is switched off, or has no configuration.")}
    step = found.configuration.policy.progress_step
    return {
        "course": found.course,
        "api": found.configuration.api,
        "hold": words.of(words.HOLDS, found.hold) if found.hold else "",
        "trouble": words.of_problem(found.problem),
        "due": [words.of_milestone(milestone.kind, milestone.value) for milestone, _built in found.statements],
        "statements": [
            {
                "title": words.of_milestone(milestone.kind, milestone.value),
                "statement": laid_out(built.body),
                "track": laid_out(built.track) if built.track else "",
            }
            for milestone, built in found.statements
        ],
        "unreported": [(words.of(words.KINDS, one.kind), words.of_unreported(one, step)) for one in found.unreported],
    }
