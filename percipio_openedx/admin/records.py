"""Lists of what the plugin writes down for itself: requests, notices, observations that failed, back-fills, pulls."""

from __future__ import annotations

import contextlib
import json

from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.admin.access import ReadOnlyAdmin
from percipio_openedx.admin.labels import SCOPES
from percipio_openedx.admin.paging import BoundedPaginator, badge, choice_filter
from percipio_openedx.enums import Api, Outcome
from percipio_openedx.models.attempt import DeliveryAttempt
from percipio_openedx.models.backfill import BackfillRun
from percipio_openedx.models.notice import EVERY_COURSE, Notice
from percipio_openedx.models.observation_failure import ObservationFailure, Part
from percipio_openedx.operations import words


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """One row for each HTTP request to Percipio."""

    list_display = (
        *("started_at", "destination", "api", "statements", "accepted", "status", "outcome_badge"),
        *("duration_ms", "answer"),
    )
    list_filter = (
        choice_filter(_("API"), "api", {api.value: (api.value, Q(api=api)) for api in Api}),
        choice_filter(
            _("outcome"),
            "outcome",
            {value.value: (words.OUTCOMES.get(value, value.value), Q(outcome=value)) for value in Outcome},
        ),
    )
    list_select_related = ("destination",)
    ordering = ("-id",)
    sortable_by = ()
    paginator = BoundedPaginator

    @admin.display(description=_("Outcome"))
    def outcome_badge(self, row: DeliveryAttempt) -> str:
        """Return the outcome, in the color of what it means for the statements."""
        state = {"accepted": "delivered", "refused": "parked", "unauthorized": "parked"}.get(row.outcome, "waiting")
        return badge(state, words.of(words.OUTCOMES, row.outcome))


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Hints that wait to be observed. They live for seconds: an old one means that no worker runs."""

    list_display = ("noticed_at", "user_id", "course", "why")
    ordering = ("id",)
    sortable_by = ()
    paginator = BoundedPaginator

    @admin.display(description=_("Course"))
    def course(self, row: Notice) -> str:
        """Return the course run's key, or that all of them are meant."""
        return row.course_key if row.course_key != EVERY_COURSE else gettext("every course")

    @admin.display(description=_("Why"))
    def why(self, row: Notice) -> str:
        """Return what happened in the LMS."""
        return words.of(words.REASONS, row.reason)


@admin.register(ObservationFailure)
class ObservationFailureAdmin(ReadOnlyAdmin):
    """One row for each course run, or learner in one, that waits to be tried again."""

    list_display = ("course", "who", "what", "reason", "failures", "failing_since", "retry_at")
    list_filter = (
        choice_filter(
            _("of"),
            "of",
            {"course": (_("a whole course"), Q(user_id=0)), "learner": (_("a learner"), ~Q(user_id=0))},
        ),
    )
    fields = ("course", "who", "what", "reason", "failures", "failing_since", "failed_at", "retry_at")
    search_fields = ("course_key",)
    ordering = ("id",)
    sortable_by = ()
    paginator = BoundedPaginator

    @admin.display(description=_("Course"))
    def course(self, row: ObservationFailure) -> str:
        """Return the course run's key, or that all of a learner's are meant."""
        return row.course_key if row.course_key != EVERY_COURSE else gettext("every course")

    @admin.display(description=_("User id"))
    def who(self, row: ObservationFailure) -> str:
        """Return the learner, or everybody."""
        return str(row.user_id) if row.user_id else gettext("all learners")

    @admin.display(description=_("What"))
    def what(self, row: ObservationFailure) -> str:
        """Return that everything, or the progress alone, is not known."""
        progress = gettext("the progress of its learners; the rest is reported")
        return progress if row.part == Part.PROGRESS else gettext("everything")


@admin.register(BackfillRun)
class BackfillRunAdmin(ReadOnlyAdmin):
    """One row for each call of ``percipio_backfill`` that was not the continuation of another."""

    list_display = (
        "started_at",
        "state_badge",
        "asked_for",
        "observed",
        "statements",
        "held",
        "failed_courses",
        "finished_at",
    )
    fields = (*list_display[:-1], "course_key", "enrollment_id", "finished_at")
    ordering = ("-id",)
    sortable_by = ()

    @admin.display(description=_("State"))
    def state_badge(self, row: BackfillRun) -> str:
        """Return whether it came to its end, and without trouble."""
        if row.finished_at is None:
            return badge("warning", gettext("not finished: running, or stopped"))
        if row.failed_courses:
            return badge("error", gettext("finished, with courses left out"))
        return badge("well", gettext("finished"))

    @admin.display(description=_("Asked for"))
    def asked_for(self, row: BackfillRun) -> str:
        """Return the bounds that were given, in words."""
        bounds: dict[str, object] = {}
        with contextlib.suppress(ValueError):
            bounds = json.loads(row.scope)
        given = [f"{SCOPES.get(name, name)}: {_plain(value)}" for name, value in bounds.items() if value]
        return "; ".join(given) or gettext("everything")


def _plain(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
