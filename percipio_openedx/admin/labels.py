"""What the columns are called in the admin, in the operator's language.

They are put on the fields here and not written in the models: a name that only the admin shows is no part of the
schema, and needs no migration when it changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# The bounds of a backfill, by their names in ``operations.scope``.
SCOPES: Mapping[str, str | Promise] = {
    "course_keys": _("Courses"),
    "org": _("Organisation"),
    "since": _("Since"),
    "site_id": _("Site"),
    "until": _("Until"),
    "user_id": _("User id"),
}

LABELS: Mapping[str, str | Promise] = {
    "accepted": _("Taken"),
    "answer": _("Answer"),
    "api": _("API"),
    "asked": _("Parameters"),
    "at": _("Time"),
    "attempts": _("Tries"),
    "batch_limit": _("Largest request"),
    "change_date": _("Changed"),
    "changed_at": _("Since"),
    "changed_by": _("Changed by"),
    "client_id": _("Client id"),
    "content_id": _("Id in Percipio's catalogue"),
    "course_key": _("Course"),
    "destination": _("Destination"),
    "done_at": _("Done"),
    "due_at": _("Due"),
    "duration_ms": _("Milliseconds"),
    "enrollment_id": _("Last enrollment"),
    "erased_at": _("Erased here"),
    "enabled": _("Switched on"),
    "failed_at": _("Last failure"),
    "failing_since": _("Failing since"),
    "failures": _("Failures in a row"),
    "finished_at": _("Finished"),
    "happened_at": _("Came true"),
    "hold_reason": _("Not reported because"),
    "held": _("Held back"),
    "is_on": _("Problem"),
    "is_reported": _("Report this course"),
    "is_announced": _("Told"),
    "last_error": _("Last error"),
    "last_success_at": _("Last success"),
    "observed_at": _("Last looked at"),
    "observed": _("Looked at"),
    "method": _("Method"),
    "noticed_at": _("Noticed"),
    "organization": _("Organization"),
    "outcome": _("Outcome"),
    "partner_name": _("Partner name"),
    "paused_reason": _("Paused because"),
    "plain_answer": _("Success that names nothing"),
    "plain_answer_since": _("First given"),
    "plain_answer_trusted_at": _("Believed since"),
    "probe_until": _("Being tried until"),
    "reason": _("Reason"),
    "region": _("Region"),
    "registration": _("Registration"),
    "retry_at": _("Next try"),
    "sequence": _("Number"),
    "settled_at": _("Settled"),
    "site": _("Site"),
    "site_id": _("Site"),
    "started_at": _("Started"),
    "state": _("State"),
    "statements": _("Statements"),
    "status": _("HTTP status"),
    "stored_at": _("Stored"),
    "subject": _("What"),
    "failed_courses": _("Courses left out"),
    "updated_at": _("Changed"),
    "user_id": _("User id"),
    "uuid": _("Statement's id"),
    "voided_by": _("Voided by"),
    "words": _("As it was told"),
}


def put(*models: type[Model]) -> None:
    """Name the fields of these models. What the migrations compare (the field's own definition) stays as it is."""
    for model in models:
        fields: list[Any] = list(model._meta.get_fields())
        for field in fields:
            if field.name in LABELS and field.concrete:
                field.verbose_name = LABELS[field.name]
