"""Learners in courses: list, search, timeline and preview."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.contrib.sites.models import Site
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import edx_platform
from percipio_openedx.admin import search, timeline
from percipio_openedx.admin.base import ReadOnlyAdmin, bounded_count, permitted
from percipio_openedx.admin.filters import choice_filter
from percipio_openedx.admin.statements import pretty_json
from percipio_openedx.capture import wake
from percipio_openedx.data import Learner
from percipio_openedx.enums import HoldReason
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable
from percipio_openedx.models.learner_course import LearnerCourse
from percipio_openedx.operations import labels

Rows = QuerySet[LearnerCourse]

# Most learners in courses shown by the search.
MAX_FOUND = 100
SEEING = ("view_learnercourse", "view_statement")


def _held_for(reason: HoldReason) -> Callable[[], Q]:
    """Return the condition, site first like the index."""
    return lambda: Q(site_id__in=list(Site.objects.values_list("pk", flat=True)), hold_reason=reason)


HELD = {reason.value: (labels.HOLDS[reason], _held_for(reason)) for reason in HoldReason}


@admin.register(LearnerCourse)
class LearnerCourseAdmin(ReadOnlyAdmin):
    """One row per learner and course run, as one site reports it."""

    actions = ("report_anew",)
    has_report_anew_permission = permitted("report_anew_learnercourse")
    list_display = ("user_id", "course", "site", "account", "reported", "hold", "observed_at", "timeline_link")
    list_filter = (choice_filter(_("not reported because"), "hold", HELD),)
    fields = list_display
    search_fields = ("user_id",)
    search_help_text = _("A learner (user id, or the beginning of a username, email or name), a course key, or both.")
    pages = (
        ("find/", "learner", "find_view", *SEEING),
        ("preview/", "preview", "preview_view", "preview_statement"),
        ("of/<int:user_id>/<path:course_key>/", "timeline", "timeline_view", *SEEING),
    )

    def get_search_results(self, request: HttpRequest, queryset: Rows, search_term: str) -> tuple[Rows, bool]:
        """See ``search``; finds no duplicates. Logs that people were searched for."""
        query = search.parse(search_term)
        if query.learner:
            self.log_search(request)
        return queryset.filter(pk__in=search.learner_courses(query).values("pk")) if any(query) else queryset, False

    @admin.display(description=_("Reported"))
    def reported(self, row: LearnerCourse) -> str:
        reported = [
            gettext("started") if row.reported_started else "",
            f"{row.reported_percent} %" if row.reported_percent else "",
            gettext("passed") if row.reported_passed else "",
            gettext("failed") if row.reported_failed else "",
            gettext("completed") if row.reported_completed else "",
        ]
        return labels.listed(filter(None, reported))

    @admin.display(description=_("Not reported because"))
    def hold(self, row: LearnerCourse) -> str:
        return labels.of(labels.HOLDS, row.hold_reason)

    @admin.display(description=_("Time line"))
    def timeline_link(self, row: LearnerCourse) -> str:
        address = reverse("admin:percipio_openedx_timeline", args=[row.user_id, row.course_key])
        return format_html('<a href="{}">{}</a>', address, gettext("Show"))

    @admin.action(description=_("Report everything again to the learner's account"), permissions=["report_anew"])
    def report_anew(self, request: HttpRequest, queryset: Rows) -> HttpResponse | None:
        """Have a learner's present account told what only another one was told so far."""
        note = gettext(
            "What only another account was told so far is reported once more, under new ids, to the account that "
            "the learner belongs to now. Only where nothing of it can have reached that account."
        )
        counts = [(gettext("learners in courses"), bounded_count(queryset))]
        if page := self.ask(request, gettext("Report everything again"), note, counts):
            return page
        from percipio_openedx.operations import requeue

        try:
            found = requeue.report_anew(queryset)
        except (PlatformUnavailable, PercipioConfigurationError) as error:
            self.message_user(request, str(error), messages.ERROR)
            return None
        self.log(request, None, gettext("learners in courses"), gettext("Reported again: %s.") % found.done)
        wake.on_commit()
        text = ngettext("%(count)s is reported again.", "%(count)s are reported again.", found.done)
        self.say(request, text, found.done)
        for reason, count in sorted(found.refused.items()):
            why = gettext("%(count)s not: %(reason)s.") % {"count": count, "reason": requeue.Refusal(reason).label}
            self.message_user(request, why, messages.WARNING)
        return None

    def find_view(self, request: HttpRequest) -> HttpResponse:
        """Search learners in courses. Names only learners whom a site reports; logs the search."""
        choice = search.find_course(request.GET.get("course", ""))
        query = search.SearchTerms() if choice.problem else search.parse(request.GET.get("q", ""))
        if choice.key:
            query = query._replace(course_key=choice.key)
        context: dict[str, Any] = {"choice": choice, "query": query, "is_asked": any(query)}
        if any(query):
            self.log_search(request)
            try:
                context |= self._found(query)
            except PlatformUnavailable as error:
                context["problem"] = str(error)
        return self.page(request, "learner.html", gettext("A learner's reports"), **context)

    def _found(self, query: search.SearchTerms) -> dict[str, Any]:
        """Return the learners in courses, and the learners without any, whom a site reports by name."""
        rows = list(search.learner_courses(query).order_by("-pk")[:MAX_FOUND])
        self.prepare(rows)
        observed = edx_platform.learners({row.user_id for row in rows})
        named = search.reported({**search.accounts(query.learner), **observed}, query.course_key)
        return {
            "rows": [
                (row, named.get(row.user_id), (self.course(row), self.reported(row), self.hold(row))) for row in rows
            ],
            "is_cut": len(rows) == MAX_FOUND,
            "others": [person for pk, person in named.items() if pk not in observed][: search.MAX_LEARNERS],
        }

    def timeline_view(self, request: HttpRequest, user_id: int, course_key: str) -> HttpResponse:
        """Show one learner's timeline in a course run, named only if a site reports them; logs the view."""
        if not search.is_course_key(course_key):
            raise Http404
        rows = list(LearnerCourse.objects.filter(user_id=user_id, course_key=course_key).order_by("site_id"))
        self._log_learner(request, user_id, course_key, gettext("Viewed the time line."))
        named: dict[int, Learner] = {}
        # If it is unknown whether they are reported, do not name them.
        with suppress(PlatformUnavailable):
            named = search.reported(edx_platform.learners([user_id]), course_key)
        context = {
            "learner": named.get(user_id),
            "user_id": user_id,
            "course_key": course_key,
            "lines": timeline.lines(rows, user_id, course_key),
            **_now(user_id, course_key),
        }
        return self.page(request, "timeline.html", gettext("From notice to answer"), **context)

    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a learner and a course, and show what would be sent now. Sends nothing; logs the request."""
        learner, course = (request.GET.get(name, "").strip() for name in ("learner", "course"))
        found = self._previewed(request, learner, course) if learner or course else {}
        return self.page(request, "preview.html", gettext("Preview"), **found)

    def _previewed(self, request: HttpRequest, learner: str, course: str) -> dict[str, Any]:
        choice = search.find_course(course)
        if not choice.key:
            return {"problem": choice.problem or gettext("Which course?"), "choice": choice}
        try:
            found = search.learners_named(learner, choice.key)
        except PlatformUnavailable as error:
            return {"problem": str(error)}
        # Unreported learners are no candidates. Typed in full, the learner is already known to the operator.
        account = next(iter(found.values())) if len(found) == 1 else search.typed_in_full(learner)
        if account is None:
            self.log_search(request)
            problem = gettext("No learner, or more than one, matches.")
            return {"problem": problem, "candidates": list(found.values()), "choice": choice}
        now = self.previewed(request, account.user_id, choice.key, afresh="afresh" in request.GET)
        return {"learner": found.get(account.user_id), "course_key": choice.key, "is_answered": True, **now}

    def previewed(self, request: HttpRequest, user_id: int, course_key: str, **how: Any) -> dict[str, Any]:
        """Log the request, and return what would be sent now; ``how`` is as in ``reporting.preview.preview``."""
        self._log_learner(request, user_id, course_key, gettext("Previewed what would be reported."))
        return _now(user_id, course_key, **how)

    def _log_learner(self, request: HttpRequest, user_id: int, course_key: str, message: str) -> None:
        row = LearnerCourse.objects.filter(user_id=user_id, course_key=course_key).order_by("site_id").first()
        self.log(request, str(row.pk) if row else None, f"user {user_id} in {course_key}", message)


def _now(user_id: int, course_key: str, **how: Any) -> dict[str, Any]:
    """Return what an observation would find now: what is due, and why the rest is not."""
    from percipio_openedx.reporting.preview import preview

    try:
        found = preview(user_id, course_key, **how)
    except PlatformUnavailable as error:
        return {"problem": str(error)}
    except PercipioConfigurationError as error:
        return {"problem": error.message}
    if found.configuration is None:
        nothing = gettext("The site of this course reports nothing: it is switched off, or has no configuration.")
        return {"problem": nothing}
    step = found.configuration.policy.progress_step
    statements = [
        {
            "title": labels.of_milestone(milestone.kind, milestone.value),
            "statement": pretty_json(built.body),
            "track": pretty_json(built.track) if built.track else "",
        }
        for milestone, built in found.statements
    ]
    return {
        "course": found.course,
        "api": found.configuration.api,
        "hold": labels.of(labels.HOLDS, found.hold),
        "failure": labels.of_problem(found.problem),
        "statements": statements,
        "due": [one["title"] for one in statements],
        "unreported": [
            (labels.of(labels.KINDS, one.kind), labels.of_unreported(one, step)) for one in found.unreported
        ],
    }
