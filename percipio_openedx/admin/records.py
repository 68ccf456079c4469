"""Read-only records: destinations, unknown learners, requests, notices, failures, alerts, erasure requests, pulls."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.base import ReadOnlyAdmin, badge, permitted
from percipio_openedx.admin.filters import SiteFilter, choice_filter
from percipio_openedx.capture import wake
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.models.destination import DeliveryAttempt, Destination, PullAudit
from percipio_openedx.models.learner_course import EVERY_COURSE, Notice, ObservationFailure, Part
from percipio_openedx.models.operations import Alert, ErasureRequest
from percipio_openedx.models.unknown_learner import UnknownLearner, UnknownLearnerQuerySet
from percipio_openedx.operations import labels, sites
from percipio_openedx.operations.problem_kinds import TITLES
from percipio_openedx.operations.problems import pause_of


@admin.register(Destination)
class DestinationAdmin(ReadOnlyAdmin):
    """One row per endpoint of a site."""

    list_display = (
        "site",
        "account",
        "organization",
        "is_catalog",
        "failures",
        "failing_since",
        "retry_at",
        "pause",
        "last_success_at",
        "last_error",
    )
    list_display_links = ("site", "organization")
    list_filter = (SiteFilter,)
    ordering = ("site_id", "account", "organization")
    sortable_by = None
    actions = ("try_now",)
    pages = (("overview/", "overview", "overview.overview", "view_destination"),)
    # Retrying a destination sends what waits there.
    has_requeue_permission = permitted("requeue_statement")

    def called(self, row: Destination) -> str:
        return sites.destination_name(row, sites.site_name(row.site_id))

    @admin.display(description=_("Paused because"))
    def pause(self, row: Destination) -> str:
        return pause_of(row)

    @admin.action(description=_("Try now"), permissions=["requeue"])
    def try_now(self, request: HttpRequest, queryset: QuerySet[Destination]) -> None:
        """Skip the backoff: the next request shows whether the fix works."""
        from percipio_openedx.delivery import breaker

        rows = list(queryset)
        for row in rows:
            breaker.try_now(row, timezone.now())
        self.log_each(request, rows, gettext("To be tried at once, by an operator."))
        wake.on_commit()
        text = ngettext("%(count)s destination is tried now.", "%(count)s destinations are tried now.", len(rows))
        self.say(request, text, len(rows))


@admin.register(UnknownLearner)
class UnknownLearnerAdmin(ReadOnlyAdmin):
    """One row per learner unknown to Percipio and destination: who is held back for it, and since when."""

    list_display = ("user_id", "where", "since", "last_refused_at", "courses")
    fields = list_display
    list_filter = (SiteFilter,)
    list_select_related = ("destination",)
    site_field = "destination__site_id"
    search_fields = ("=user_id",)
    actions = ("try_again",)
    # To try a learner again sends what was refused.
    has_requeue_permission = permitted("requeue_statement")

    @admin.display(description=_("Courses"))
    def courses(self, row: UnknownLearner) -> str:
        address = reverse("admin:percipio_openedx_learnercourse_changelist", query={"q": row.user_id})
        return format_html('<a href="{}">{}</a>', address, gettext("Show"))

    @admin.action(description=_("Try again"), permissions=["requeue"])
    def try_again(self, request: HttpRequest, queryset: UnknownLearnerQuerySet) -> None:
        """End these holds: what was refused is sent once more, and what was held back is reported."""
        from percipio_openedx.operations.requeue import try_again

        chosen = UnknownLearner.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))
        self.log_each(request, chosen, gettext("To be tried again, by an operator."))
        learners, _statements = try_again(chosen, lambda: False)
        wake.on_commit()
        text = ngettext("%(count)s learner is tried again.", "%(count)s learners are tried again.", learners)
        self.say(request, text, learners)


# What the requests of the catalog say instead of one of the two APIs (``catalog.send``).
CONTENT = "content"

# An outcome has the color of the state that it leaves statements in.
COLORS: dict[str, str] = {Outcome.ACCEPTED: "delivered", Outcome.REFUSED: "parked", Outcome.UNAUTHORIZED: "parked"}


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """One row per HTTP request to Percipio."""

    list_display = (
        *("started_at", "where", "api", "statements", "accepted", "status", "outcome_badge"),
        *("duration_ms", "answer"),
    )
    list_filter = (
        choice_filter(_("API"), "api", {api: (api, Q(api=api)) for api in (*map(str, Api), CONTENT)}),
        choice_filter(_("outcome"), "outcome", {one.value: (labels.OUTCOMES[one], Q(outcome=one)) for one in Outcome}),
    )
    list_select_related = ("destination",)
    site_field = "destination__site_id"

    @admin.display(description=_("Outcome"))
    def outcome_badge(self, row: DeliveryAttempt) -> str:
        return badge(COLORS.get(row.outcome, "waiting"), labels.of(labels.OUTCOMES, row.outcome))


class CourseRowAdmin(ReadOnlyAdmin):
    """Rows that name a course run, or all of a learner's with an empty key; oldest first."""

    ordering = ("id",)

    @admin.display(description=_("Course"))
    def course(self, row: Notice | ObservationFailure) -> str:
        return super().course(row) if row.course_key != EVERY_COURSE else gettext("every course")


@admin.register(Notice)
class NoticeAdmin(CourseRowAdmin):
    """Hints that wait to be observed. They live for seconds: an old one means that no worker runs."""

    list_display = ("noticed_at", "user_id", "course", "why")

    @admin.display(description=_("Why"))
    def why(self, row: Notice) -> str:
        return labels.of(labels.REASONS, row.reason)


@admin.register(ObservationFailure)
class ObservationFailureAdmin(CourseRowAdmin):
    """One row per course run, or learner in one, that waits for a retry."""

    list_display = ("course", "who", "what", "reason", "failures", "failing_since", "retry_at")
    list_filter = (
        choice_filter(
            _("concerns"),
            "of",
            {"course": (_("a whole course"), Q(user_id=0)), "learner": (_("a learner"), ~Q(user_id=0))},
        ),
    )
    fields = ("course", "who", "what", "reason", "failures", "failing_since", "failed_at", "retry_at")
    search_fields = ("course_key",)

    @admin.display(description=_("User id"))
    def who(self, row: ObservationFailure) -> str:
        return str(row.user_id) if row.user_id else gettext("all learners")

    @admin.display(description=_("What"))
    def what(self, row: ObservationFailure) -> str:
        """Return what is unknown: everything, or only the progress."""
        progress = gettext("the progress of its learners; the rest is reported")
        return progress if row.part == Part.PROGRESS else gettext("everything")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """One row per problem ever reported; there are few."""

    list_display = ("changed_at", "state_badge", "problem", "about", "message", "is_announced")
    list_filter = (
        choice_filter(
            _("state"), "state", {"open": (_("problem"), Q(is_on=True)), "over": (_("resolved"), Q(is_on=False))}
        ),
    )
    fields = (*list_display, "began_at", "announced_at")
    ordering = ("-is_on", "-changed_at")

    @admin.display(description=_("State"))
    def state_badge(self, row: Alert) -> str:
        return badge("error", gettext("problem")) if row.is_on else badge("well", gettext("resolved"))

    @admin.display(description=_("Problem"))
    def problem(self, row: Alert) -> str:
        return labels.of(TITLES, row.kind)

    @admin.display(description=_("What"))
    def about(self, row: Alert) -> str:
        """Return the subject with its site, and account, by name; a destination that is gone keeps its key."""
        return str((getattr(row, "texts", None) or self.texts_of([row]))[row.subject])

    def texts_of(self, rows: Iterable[Alert]) -> dict[str, str]:
        return sites.subject_names(row.subject for row in rows)


@admin.register(ErasureRequest)
class ErasureRequestAdmin(ReadOnlyAdmin):
    """One row per learner erased here after something was sent. Pseudonyms only: LMS user ids would reveal them."""

    list_display = ("id", "state_badge", "erased_at", "site", "account", "organization", "api", "statements", "done_at")
    list_filter = (
        choice_filter(
            _("state"),
            "state",
            {"open": (_("to be asked for"), Q(done_at=None)), "done": (_("done"), ~Q(done_at=None))},
        ),
    )
    fields = (*list_display[1:-1], "registration_list", "note", "done_at")
    actions = ("tick_off",)
    has_tick_off_permission = permitted("tick_off_erasurerequest")

    @admin.display(description=_("State"))
    def state_badge(self, row: ErasureRequest) -> str:
        return badge("well", gettext("done")) if row.done_at else badge("warning", gettext("to be asked for"))

    @admin.display(description=_("Registrations (context.registration)"))
    def registration_list(self, row: ErasureRequest) -> str:
        return format_html('<pre class="percipio-json" dir="ltr" tabindex="0">{}</pre>', row.registrations)

    @admin.display(description=_("Note"))
    def note(self, row: ErasureRequest) -> str:
        """Return what the registrations do not cover."""
        if row.api != Api.TRACK:
            return ""
        return gettext(
            "Some may have gone by the Track API, which carries no registration: name the learner’s id to Skillsoft, "
            "from the LMS’s own retirement status, before the LMS cleans it up."
        )

    @admin.action(description=_("Tick off: Skillsoft has erased it"), permissions=["tick_off"])
    def tick_off(self, request: HttpRequest, queryset: QuerySet[ErasureRequest]) -> None:
        """Do as ``percipio_erasures --done`` does; requests already done stay unchanged."""
        from percipio_openedx.operations.retention import tick_off

        rows = tick_off(queryset.values_list("pk", flat=True))
        self.log_each(request, rows, gettext("Ticked off by an operator."))
        text = ngettext(
            "%(count)s erasure request is ticked off.", "%(count)s erasure requests are ticked off.", len(rows)
        )
        self.say(request, text, len(rows))


@admin.register(PullAudit)
class PullAuditAdmin(ReadOnlyAdmin):
    """Every request of a pull client."""

    list_display = ("at", "site", "account", "client_id", "method", "asked", "status", "statements", "duration_ms")
    list_filter = (SiteFilter, "status")
    sortable_by = None
    paginator = Paginator
