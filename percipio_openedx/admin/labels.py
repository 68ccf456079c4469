"""Translated labels of the admin's columns, fields and choices.

Set on the fields here rather than in the models: labels are no part of the schema, and a change needs no migration.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from percipio_openedx.operations.labels import Text

# By field name, and by the bounds of a backfill (``operations.scope``).
LABELS: Mapping[str, Text] = {
    "accepted": _("Accepted"),
    "answer": _("Answer"),
    "api": _("API"),
    "api_url": _("API address"),
    "asked": _("Parameters"),
    "at": _("Time"),
    "attempts": _("Tries"),
    "batch_limit": _("Largest request"),
    "batch_size": _("Statements in one request"),
    "change_date": _("Changed"),
    "changed_at": _("Since"),
    "changed_by": _("Changed by"),
    "client_id": _("Client id"),
    "client_secret": _("Client secret"),
    "completed_on": _("A course is completed when"),
    "content_id": _("Id in Percipio's catalog"),
    "course_key": _("Course"),
    "course_keys": _("Courses"),
    "destination": _("Destination"),
    "done_at": _("Done"),
    "due_at": _("Due"),
    "duration_ms": _("Milliseconds"),
    "enabled": _("Switched on"),
    "enrollment_id": _("Last enrollment"),
    "erased_at": _("Erased here"),
    "failed_at": _("Last failure"),
    "failing_since": _("Failing since"),
    "failures": _("Failures in a row"),
    "finished_at": _("Finished"),
    "happened_at": _("Happened"),
    "held": _("Held back"),
    "hold_reason": _("Not reported because"),
    "is_reported": _("Report this course"),
    "is_announced": _("Mail sent"),
    "last_error": _("Last error"),
    "last_success_at": _("Last success"),
    "launch_enrolls": _("The launch page enrolls"),
    "launch_idp": _("Identity provider at launch"),
    "learner_home_page": _("Home page of learner accounts"),
    "learner_id": _("A learner is named by"),
    "learners": _("Learners to report"),
    "locked_units": _("Units that are locked for a learner"),
    "observed": _("Observed"),
    "observed_at": _("Last observed"),
    "method": _("Method"),
    "noticed_at": _("Noticed"),
    "org": _("Organization"),
    "organization": _("Organization"),
    "organization_from": _("Learner's own organization"),
    "organization_id": _("Organization id"),
    "outcome": _("Outcome"),
    "partner_name": _("Partner name"),
    "paused_reason": _("Paused because"),
    "plain_answer": _("Success that names nothing"),
    "plain_answer_since": _("First given"),
    "plain_answer_trusted_at": _("Believed since"),
    "probe_until": _("Being tried until"),
    "progress_step": _("Progress step"),
    "reason": _("Reason"),
    "region": _("Region"),
    "registration": _("Registration"),
    "retry_at": _("Next try"),
    "send_names": _("Send learners' names"),
    "send_skipped": _("Send what the Track API skipped"),
    "sequence": _("Number"),
    "settled_at": _("Settled"),
    "since": _("Since"),
    "site": _("Site"),
    "site_id": _("Site"),
    "started_at": _("Started"),
    "started_on": _("A course is started by"),
    "state": _("State"),
    "statements": _("Statements"),
    "status": _("HTTP status"),
    "stored_at": _("Stored"),
    "subject": _("What"),
    "timeout": _("Time-out"),
    "token_url": _("Token address"),
    "failed_courses": _("Courses left out"),
    "undone": _("When the LMS takes a completion back"),
    "until": _("Until"),
    "updated_at": _("Changed"),
    "user_id": _("User id"),
    "uuid": _("Statement's id"),
    "voided_by": _("Voided by"),
    "message": _("Message"),
}

# Fields with a fixed list, shown as selects.
CHOICES: dict[str, tuple[tuple[str, Text], ...]] = {
    "region": (
        ("us", _("United States (api.percipio.com)")),
        ("eu", _("Europe (dew1-api.percipio.com)")),
        ("development", _("Skillsoft's development environment")),
        ("custom", _("Other: the addresses below")),
    ),
    "api": (("statements", _("Statements API (xAPI)")), ("track", _("Track API"))),
    "content_id": (
        ("course", _("By course: course:Org+Course, as in Percipio's catalog")),
        ("course_run", _("By course run: the course key")),
        ("url", _("By the course's address in this LMS")),
        ("slug", _("By course, in letters, digits and hyphens only: Org-Course")),
    ),
    "started_on": (("enrollment", _("The enrollment")), ("first_activity", _("The first activity in the course"))),
    "completed_on": (
        ("passed", _("The learner has passed the course")),
        ("progress", _("Every unit is done")),
        ("certificate", _("The certificate is there")),
        ("any", _("Whichever of the three comes first")),
    ),
    "locked_units": (
        ("count", _("Count as not done, as on the LMS's own progress page")),
        ("leave_out", _("Are left out: what is open to the learner is all there is")),
    ),
    "undone": (
        ("keep", _("Leave the completion in Percipio")),
        ("retract", _("Take it back with a voiding statement (Statements API only)")),
    ),
}

# Fields that also take free values, shown as text with suggestions.
PROPOSALS: dict[str, tuple[str, ...]] = {
    "learner_id": ("email", "username", "external_id", "sso_uid", "sso:PercipioUserUUID"),
    "organization_from": ("sso:percipioOrganizationUuid",),
    "learners": ("all", "sso:tpa-saml"),
}

# Longer labels for the form than for list columns.
FORM_LABELS: dict[str, Text] = {
    "enabled": _("Report to Percipio"),
    "content_id": _("A course is named"),
}

HELP: dict[str, Text] = {
    "enabled": _("Switched off, this site reports nothing, even if the settings name credentials."),
    "region": _("Where Skillsoft keeps this organization. Credentials of one region are unknown in another."),
    "api_url": _(
        "Without the path of the service, for instance https://api.percipio.com. Empty: that of the region. A host "
        "inside your own network has to stand in PERCIPIO_PRIVATE_HOSTS, too."
    ),
    "token_url": _(
        "The whole address of the OAuth2 token endpoint. Empty: that of the region. A host inside your own network has "
        "to stand in PERCIPIO_PRIVATE_HOSTS, too."
    ),
    "partner_name": _("Skillsoft gives it; it is part of every address."),
    "organization_id": _("The Percipio organization to report to. Empty: the partner's own addresses."),
    "client_id": _("Of the service account with the permission CONTENT_AGGREGATION."),
    "client_secret": _(
        "Never shown again once it is saved. Empty: the one that is stored stays. It has to be typed again when the "
        "client id, the region or an address changes."
    ),
    "api": _("Which of Percipio's two APIs this site was set up for."),
    "send_skipped": _(
        "The Track API has no form for passed. Once the site reports to the Statements API, what was skipped is sent."
    ),
    "launch_enrolls": _(
        "For learners who come from Percipio and are not enrolled: a page with a button that enrolls by the LMS's own "
        "rules, or else the course's about page."
    ),
    "launch_idp": _(
        "Its id in this LMS, for instance saml-okta: learners who come from Percipio log in through it. Empty: the "
        "login page as it is."
    ),
    "learner_id": _(
        "email, username, external_id (the LMS's pseudonym for xAPI), sso_uid, or sso:KEY for a key of the "
        "single-sign-on link's extra data."
    ),
    "learner_home_page": _("Not used with email. For ids that Percipio gave: the organization's Percipio address."),
    "organization_from": _("sso:KEY, a key of the single-sign-on link's extra data. Empty: the organization id above."),
    "learners": _("all, or sso:PROVIDER for those only who came through that single-sign-on provider."),
    "send_names": _("Whether the full name travels with each statement, beside the id."),
    "content_id": _("The id under which Percipio's catalog knows a course. A course override can say otherwise."),
    "progress_step": _("Percent points between two progress reports, 1 to 100."),
    "locked_units": _(
        "For instance in audit mode. Where they count, such a learner never completes the course by units."
    ),
    "batch_size": _("1 to 500. Smaller requests are made by themselves when Percipio asks for them."),
    "timeout": _("Seconds, 1 to 120."),
}

FIELDSETS: tuple[tuple[Text | None, tuple[str, ...]], ...] = (
    (None, ("site", "enabled")),
    (_("Credentials"), ("partner_name", "organization_id", "client_id", "client_secret")),
    (_("Where Percipio is"), ("region", "api_url", "token_url", "api")),
    (
        _("Who is reported, and as whom"),
        ("learners", "learner_id", "learner_home_page", "organization_from", "send_names"),
    ),
    (
        _("What is reported, and when"),
        ("content_id", "started_on", "progress_step", "completed_on", "locked_units", "undone"),
    ),
    (_("The way in from Percipio"), ("launch_idp", "launch_enrolls")),
    (_("Sending"), ("batch_size", "timeout", "send_skipped")),
)


def put(*models: type[Model]) -> None:
    """Label the fields of these models; the definitions that migrations compare stay unchanged."""
    for model in models:
        for field in model._meta.concrete_fields:
            if field.name in LABELS:
                field.verbose_name = LABELS[field.name]  # type: ignore[assignment]
