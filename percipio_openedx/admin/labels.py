"""Translated labels of the admin's columns, fields and choices.

Set on the fields here rather than in the models: labels are no part of the schema, and a change needs no migration.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from percipio_openedx.enums import Offering, ReportedCourses
from percipio_openedx.operations.labels import APIS, Text

# By field name, and by the bounds of a backfill (``operations.scope``).
LABELS: Mapping[str, Text] = {
    "accepted": _("Accepted"),
    "account": _("Account"),
    "answer": _("Answer"),
    "api": _("API"),
    "api_url": _("API address"),
    "asked": _("Parameters"),
    "at": _("Time"),
    "attempts": _("Tries"),
    "author": _("By"),
    "batch_limit": _("Largest request"),
    "batch_size": _("Statements in one request"),
    "catalog": _("Offered in the catalog"),
    "catalog_duration": _("Duration of other courses"),
    "catalog_interval": _("Seconds between two comparisons"),
    "catalog_language": _("Language of other courses"),
    "catalog_patience": _("Seconds to wait for an item"),
    "catalog_push": _("Send the catalog to Percipio"),
    "catalog_type": _("Type of content"),
    "change_date": _("Changed"),
    "changed_at": _("Since"),
    "changed_by": _("Changed by"),
    "client_id": _("Client id"),
    "client_secret": _("Client secret"),
    "completed_on": _("A course is completed when"),
    "compared_at": _("Last compared"),
    "compared_with": _("Compared with"),
    "content_id": _("Id in Percipio's catalog"),
    "course_key": _("Course"),
    "course_keys": _("Courses"),
    "courses": _("Courses to report"),
    "destination": _("Destination"),
    "done_at": _("Done"),
    "due_at": _("Due"),
    "duration": _("Duration (seconds)"),
    "duration_ms": _("Milliseconds"),
    "enabled": _("Switched on"),
    "enrollment_id": _("Last enrollment"),
    "began_at": _("Began"),
    "announced_at": _("Last mail"),
    "problem": _("Problem"),
    "erased_at": _("Erased here"),
    "failed_at": _("Last failure"),
    "failing_since": _("Failing since"),
    "failures": _("Failures in a row"),
    "finished_at": _("Finished"),
    "happened_at": _("Happened"),
    "held": _("Held back"),
    "is_catalog": _("Of the catalog"),
    "is_reported": _("Report this course"),
    "is_announced": _("Mail sent"),
    "last_error": _("Last error"),
    "last_refused_at": _("Last refused"),
    "last_success_at": _("Last success"),
    "launch_enrolls": _("The launch page enrolls"),
    "launch_idp": _("Identity provider at launch"),
    "learner_home_page": _("Home page of learner accounts"),
    "learner_id": _("A learner is named by"),
    "learners": _("Learners to report"),
    "locked_units": _("Units that are locked for a learner"),
    "progress_from": _("Progress is counted by"),
    "offer": _("In the catalog"),
    "observed": _("Observed"),
    "observed_at": _("Last observed"),
    "lone_failures": _("Statements that failed alone"),
    "method": _("Method"),
    "name": _("Name"),
    "noticed_at": _("Noticed"),
    "org": _("Organization"),
    "organization": _("Organization"),
    "organization_from": _("Learner's own organization"),
    "organization_id": _("Organization id"),
    "outcome": _("Outcome"),
    "own_credentials": _("Own credentials"),
    "partner_name": _("Partner name"),
    "paused_reason": _("Paused because"),
    "plain_answer": _("Success that names nothing"),
    "plain_answer_since": _("First given"),
    "plain_answer_trusted_at": _("Believed since"),
    "position": _("Position"),
    "probe_until": _("Being tried until"),
    "progress_step": _("Progress step"),
    "reason": _("Reason"),
    "region": _("Region"),
    "registration": _("Registration"),
    "retry_at": _("Next try"),
    "send_names": _("Send learners' names"),
    "send_skipped": _("Send what the Track API skipped"),
    "sent_at": _("Last accepted"),
    "settled_at": _("Settled"),
    "since": _("Since"),
    "site": _("Site"),
    "site_id": _("Site"),
    "started_at": _("Started"),
    "started_on": _("A course is started by"),
    "statements": _("Statements"),
    "status": _("HTTP status"),
    "stored_at": _("Stored"),
    "successes": _("Successes"),
    "tags": _("Tags"),
    "timeout": _("Time-out"),
    "title": _("Title in the catalog"),
    "token_url": _("Token address"),
    "type": _("Type of content"),
    "failed_courses": _("Courses left out"),
    "undone": _("When the LMS takes a completion back"),
    "until": _("Until"),
    "updated_at": _("Changed"),
    "user_id": _("User id"),
    "uuid": _("Statement's id"),
    "voided_by": _("Voided by"),
    "wanted_since": _("Not in Percipio since"),
    "message": _("Message"),
    "milestones": _("Milestones to report"),
    "modes": _("Enrollment modes to report"),
    "retakes": _("When a learner takes a completed course again"),
}

# Fields with a fixed list, shown as selects.
CHOICES: dict[str, tuple[tuple[str, Text], ...]] = {
    "region": (
        ("us", _("United States (api.percipio.com)")),
        ("eu", _("Europe (dew1-api.percipio.com)")),
        ("development", _("Skillsoft's development environment")),
        ("custom", _("Other: the addresses below")),
    ),
    "api": tuple(APIS.items()),
    "content_id": (
        ("course", _("By course: course:Org+Course, as in Percipio's catalog")),
        ("course_run", _("By course run: the course key")),
        ("url", _("By the course's address in this LMS")),
        ("slug", _("By course, in letters, digits and hyphens only: Org-Course")),
    ),
    "catalog": (
        (Offering.CHOSEN, _("The course runs that an operator offers")),
        (Offering.ALL_VISIBLE, _("All that this LMS's own catalog shows, but for withdrawn ones")),
    ),
    "courses": (
        (ReportedCourses.ALL, _("All courses")),
        (ReportedCourses.CATALOG, _("Only those that are offered in the catalog")),
    ),
    "started_on": (("enrollment", _("The enrollment")), ("first_activity", _("The first activity in the course"))),
    "completed_on": (
        ("course", _("The learner has passed it; a course without grades: every unit is done")),
        ("passed", _("The learner has passed the course")),
        ("progress", _("Every unit is done")),
        ("certificate", _("The certificate is there")),
        ("any", _("Whichever of the three comes first")),
    ),
    "retakes": (
        ("completions", _("Report only the new completion, with its date: Percipio's record never goes back")),
        ("everything", _("Report everything, as of the first time: the course is started again in Percipio")),
        ("first_only", _("Report nothing")),
    ),
    "locked_units": (
        ("count", _("Count as not done, as on the LMS's own progress page")),
        ("leave_out", _("Are left out: what is open to the learner is all there is")),
    ),
    "progress_from": (
        ("platform", _("The LMS, in units")),
        ("aggregator", _("The completion aggregator, in blocks; it may be late")),
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
    "milestones": ("started, progressed, passed, completed", "started, completed", "completed", "all"),
    "modes": ("all", "verified", "verified, no-id-professional, professional"),
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
        "The Track API has no form for passed and failed. Once the site reports to the Statements API, what was "
        "skipped is sent."
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
    "learners": _(
        "Nothing is reported until this is chosen. What marks a learner: the provider of the single sign-on (a backend "
        "such as tpa-saml, or the slug of a SAML identity provider)."
    ),
    "modes": _(
        "With commas between them, for instance verified, professional. Learners who are enrolled in another mode are "
        "held back. all: every mode."
    ),
    "milestones": _(
        "Any of started, progressed, passed, failed and completed, with commas between them; all: these five. Failed: "
        "the run of a graded course has ended, and the grade is below the mark."
    ),
    "retakes": _(
        "In another run with the same id in Percipio's catalog, as with compliance training that is taken every year."
    ),
    "send_names": _("Whether the full name travels with each statement, beside the id."),
    "content_id": _("The id under which Percipio's catalog knows a course. A course override can say otherwise."),
    "catalog": _("Which course runs are offered to Percipio's catalog; as long as nothing says so, none."),
    "courses": _("A course that is not offered can be left unreported, since Percipio would show it to nobody."),
    "catalog_type": _("One of Percipio's types of content, such as COURSE. A course override can say otherwise."),
    "catalog_duration": _("In seconds, for courses whose effort cannot be read. 0: they are held back."),
    "catalog_language": _("For courses that name none: a language tag, as en or pt-BR. Empty: they are held back."),
    "catalog_push": _("Needs the organization id, and a service account with the permission CONTENT_IMPORT."),
    "catalog_interval": _("60 to 86400. A changed course is sent that much later at most."),
    "catalog_patience": _(
        "A statement waits that long at most until Percipio has accepted its course. 0: statements never wait."
    ),
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
        ("learners", "modes", "learner_id", "learner_home_page", "organization_from", "send_names"),
    ),
    (
        _("What is reported, and when"),
        (
            *("content_id", "milestones", "started_on", "progress_step", "completed_on"),
            *("locked_units", "progress_from", "retakes", "undone"),
        ),
    ),
    (
        _("The catalog"),
        (
            *("catalog", "courses", "catalog_type", "catalog_duration", "catalog_language"),
            *("catalog_push", "catalog_interval", "catalog_patience"),
        ),
    ),
    (_("The way in from Percipio"), ("launch_idp", "launch_enrolls")),
    (_("Sending"), ("batch_size", "timeout", "send_skipped")),
)


ACCOUNT_FIELDSETS: tuple[tuple[Text | None, tuple[str, ...]], ...] = (
    (None, ("site", "name", "position", "enabled", "learners")),
    *FIELDSETS[1:3],
    (_("As whom learners are reported"), ("learner_id", "learner_home_page", "organization_from")),
)


def put(*models: type[Model]) -> None:
    """Label the fields of these models; the definitions that migrations compare stay unchanged."""
    for model in models:
        for field in model._meta.concrete_fields:
            if field.name in LABELS:
                field.verbose_name = LABELS[field.name]  # type: ignore[assignment]
