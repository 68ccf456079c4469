"""What an operator can choose, in words, and what each field of the configuration form means."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise

# Fields with a fixed list: they are selects.
CHOICES: dict[str, tuple[tuple[str, Words], ...]] = {
    "region": (
        ("us", _("United States (api.percipio.com)")),
        ("eu", _("Europe (dew1-api.percipio.com)")),
        ("development", _("Skillsoft's development environment")),
        ("custom", _("Other: the addresses below")),
    ),
    "api": (
        ("statements", _("Statements API (xAPI)")),
        ("track", _("Track API")),
    ),
    "content_id": (
        ("course", _("By course: course:Org+Course, as in Percipio's catalogue")),
        ("course_run", _("By course run: the course key")),
        ("url", _("By the course's address in this LMS")),
    ),
    "started_on": (
        ("enrollment", _("The enrollment")),
        ("first_activity", _("The first activity in the course")),
    ),
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

# Fields that also take a value of the site's own: text fields with proposals.
PROPOSALS: dict[str, tuple[str, ...]] = {
    "learner_id": ("email", "username", "external_id", "sso_uid", "sso:PercipioUserUUID"),
    "organization_from": ("sso:percipioOrganizationUuid",),
    "learners": ("all", "sso:tpa-saml"),
}

LABELS: dict[str, Words] = {
    "site": _("Site"),
    "enabled": _("Report to Percipio"),
    "region": _("Region"),
    "api_url": _("API address"),
    "token_url": _("Token address"),
    "partner_name": _("Partner name"),
    "organization_id": _("Organization id"),
    "client_id": _("Client id"),
    "client_secret": _("Client secret"),
    "api": _("API"),
    "send_skipped": _("Send what the Track API skipped"),
    "learner_id": _("A learner is named by"),
    "learner_home_page": _("Home page of learner accounts"),
    "organization_from": _("Learner's own organization"),
    "learners": _("Learners to report"),
    "send_names": _("Send learners' names"),
    "content_id": _("A course is named"),
    "started_on": _("A course is started by"),
    "completed_on": _("A course is completed when"),
    "undone": _("When the LMS takes a completion back"),
    "progress_step": _("Progress step"),
    "locked_units": _("Units that are locked for a learner"),
    "batch_size": _("Statements in one request"),
    "timeout": _("Time-out"),
}

HELP: dict[str, Words] = {
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
    "learner_id": _(
        "email, username, external_id (the LMS's pseudonym for xAPI), sso_uid, or sso:KEY for a key of the "
        "single-sign-on link's extra data."
    ),
    "learner_home_page": _("Not used with email. For ids that Percipio gave: the organization's Percipio address."),
    "organization_from": _("sso:KEY, a key of the single-sign-on link's extra data. Empty: the organization id above."),
    "learners": _("all, or sso:PROVIDER for those only who came through that single-sign-on provider."),
    "send_names": _("Whether the full name travels with each statement, beside the id."),
    "content_id": _("The id under which Percipio's catalogue knows a course. Single courses can be answered apart."),
    "progress_step": _("Percent points between two progress reports, 1 to 100."),
    "locked_units": _(
        "For instance in audit mode. Where they count, such a learner never completes the course by units."
    ),
    "batch_size": _("1 to 500. Smaller requests are made by themselves when Percipio asks for them."),
    "timeout": _("Seconds, 1 to 120."),
}

FIELDSETS: tuple[tuple[Words | None, tuple[str, ...]], ...] = (
    (None, ("site", "enabled")),
    (
        _("Credentials"),
        ("partner_name", "organization_id", "client_id", "client_secret"),
    ),
    (_("Where Percipio is"), ("region", "api_url", "token_url", "api")),
    (
        _("Who is reported, and as whom"),
        ("learners", "learner_id", "learner_home_page", "organization_from", "send_names"),
    ),
    (
        _("What is reported, and when"),
        ("content_id", "started_on", "progress_step", "completed_on", "locked_units", "undone"),
    ),
    (_("Sending"), ("batch_size", "timeout", "send_skipped")),
)
