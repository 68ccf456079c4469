"""What is said of each kind of problem: title, sentence and fix, with the admin page that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from percipio_openedx.enums import Pause
from percipio_openedx.operations.labels import Text

# The admin page of what has none of its own.
OVERVIEW = "overview"


class ProblemCode(StrEnum):
    """What can be wrong with a running installation; also the kinds of alerts and metrics."""

    MISCONFIGURED = "misconfigured"
    NO_COURSES = "no_courses"
    SITE_VALUES = "site_values"
    UNCONFIGURED = "unconfigured"
    LATE = "late"
    PAUSED = "paused"
    BROKEN = "broken"
    FAILING = "failing"
    UNREADABLE = "unreadable"
    PARKED = "parked"
    ITEMS_REFUSED = "items_refused"
    UNKNOWN_LEARNERS = "unknown_learners"
    UNOBSERVED = "unobserved"
    NOT_REBUILT = "not_rebuilt"
    CLOCK = "clock"
    CHARACTERS = "characters"
    ERASURES = "erasures"


class Severity(StrEnum):
    """How bad a problem is: an *error* keeps reports from arriving, or needs a person; a *warning* may wait."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """Labels for one kind of problem, all lazy; ``sentence`` and ``fix`` have placeholders.

    ``page`` is the name of the admin page that shows it, and its filters.
    """

    title: Text
    sentence: Any
    fix: Any
    severity: Severity = Severity.ERROR
    page: str = OVERVIEW


RUN_A_WORKER = _("Run percipio_run, and see that a worker of the LMS (or percipio_run --loop) is always running.")

KINDS: Mapping[str, ProblemKind] = {
    ProblemCode.MISCONFIGURED: ProblemKind(
        _("the configuration has a mistake"),
        _("Nothing is sent: %(setting)s %(problem)s."),
        _("Correct %(setting)s, in the settings or in the site's configuration."),
        page="percipioconfiguration_changelist",
    ),
    ProblemCode.NO_COURSES: ProblemKind(
        _("no course can belong to the site"),
        _(
            "Nothing is reported: no course can belong to this site. A course belongs to the site whose "
            "course_org_filter names its organization, else to SITE_ID (%(default)s)."
        ),
        _(
            "Configure the site that the courses belong to, or change SITE_ID or course_org_filter. Then run "
            "percipio_backfill: of what happened meanwhile nothing was noticed."
        ),
        page="percipioconfiguration_changelist",
    ),
    ProblemCode.SITE_VALUES: ProblemKind(
        _("the site's own name or address cannot be used"),
        _("%(keys)s of the site's configuration in the LMS (SiteConfiguration) cannot be used; the LMS's own is sent."),
        _("Correct it there: PLATFORM_NAME is a text, LMS_ROOT_URL an address such as https://lms.example.com."),
        Severity.WARNING,
    ),
    ProblemCode.UNCONFIGURED: ProblemKind(
        _("nothing is configured"),
        _("Nothing is reported: no site has a configuration."),
        _("Set PERCIPIO_PARTNER_NAME, PERCIPIO_CLIENT_ID and PERCIPIO_CLIENT_SECRET, or use the admin."),
        page="percipioconfiguration_changelist",
    ),
    ProblemCode.LATE: ProblemKind(
        _("something waits for too long"),
        _("No worker seems to run, or it cannot keep up: the oldest statement has been waiting since %(at)s."),
        RUN_A_WORKER,
        page="statement_changelist?state=waiting&site=%(site)s",
    ),
    ProblemCode.PAUSED: ProblemKind(
        _("nothing is sent"),
        ngettext_lazy(
            "Nothing is sent, and %(count)s statement waits.",
            "Nothing is sent, and %(count)s statements wait.",
            "count",
        ),
        _("percipio_doctor --online says more. It is then tried by itself, or at once: percipio_retry --now"),
        page="destination_change",
    ),
    ProblemCode.BROKEN: ProblemKind(
        _("a step of the worker breaks"),
        _("A step of the worker breaks, %(step)s: %(reason)s."),
        _("Its log says more. The other steps are done."),
    ),
    ProblemCode.FAILING: ProblemKind(
        _("Percipio cannot be reached"),
        ngettext_lazy(
            "Percipio cannot be reached or has problems of its own, since %(at)s: %(count)s statement waits and leaves "
            "by itself.",
            "Percipio cannot be reached or has problems of its own, since %(at)s: %(count)s statements wait and leave "
            "by themselves.",
            "count",
        ),
        _("Nothing is lost: it is tried again by itself. percipio_doctor --online says more."),
        page="destination_change",
    ),
    ProblemCode.UNREADABLE: ProblemKind(
        _("a course cannot be read"),
        _("Since %(at)s the LMS cannot read %(course)s (%(reason)s). Its reports wait; all others leave."),
        _("Repair the course in the LMS, or leave it out (percipio_courses); percipio_retry --now tries it at once."),
        page="observationfailure_changelist?of=course",
    ),
    ProblemCode.PARKED: ProblemKind(
        _("statements are refused"),
        ngettext_lazy(
            "Percipio refuses %(count)s statement; it is parked.",
            "Percipio refuses %(count)s statements; they are parked.",
            "count",
        ),
        _("See why in the admin (statements, parked); when the cause is removed: percipio_retry --parked"),
        page="statement_changelist?state=parked&site=%(site)s",
    ),
    ProblemCode.ITEMS_REFUSED: ProblemKind(
        _("courses are refused"),
        ngettext_lazy(
            "Percipio refuses %(count)s course of the catalog.",
            "Percipio refuses %(count)s courses of the catalog.",
            "count",
        ),
        _("See why in the admin (catalog, refused). Correct the course, or its course override; it is then sent anew."),
        page="catalogentry_changelist?state=refused&site=%(site)s",
    ),
    ProblemCode.UNKNOWN_LEARNERS: ProblemKind(
        _("Percipio does not know some learners"),
        ngettext_lazy(
            "Percipio does not know %(count)s learner, of whom nothing new is reported.",
            "Percipio does not know %(count)s learners, of whom nothing new is reported.",
            "count",
        ),
        _(
            "The admin lists them (learners unknown to Percipio). Add them to Percipio, or correct their name in the "
            "LMS; then choose Try again there, or run percipio_retry --unknown."
        ),
        Severity.WARNING,
        page="unknownlearner_changelist",
    ),
    ProblemCode.UNOBSERVED: ProblemKind(
        _("learners cannot be observed"),
        ngettext_lazy(
            "Of %(count)s learner something could not be found out or reported (%(reason)s).",
            "Of %(count)s learners something could not be found out or reported (%(reason)s).",
            "count",
        ),
        _("They are tried again by themselves; the admin lists them (observations that failed)."),
        Severity.WARNING,
        page="observationfailure_changelist?of=learner",
    ),
    ProblemCode.NOT_REBUILT: ProblemKind(
        _("statements cannot be rebuilt"),
        ngettext_lazy(
            "%(count)s statement cannot be rebuilt: %(reason)s",
            "%(count)s statements cannot be rebuilt: %(reason)s",
            "count",
        ),
        _("Remove the cause; they are tried again by themselves, or at once by percipio_retry --now."),
        Severity.WARNING,
        page="statement_changelist?state=outdated",
    ),
    ProblemCode.CLOCK: ProblemKind(
        _("a clock is wrong"),
        _("A clock was ahead: there are times in the future (%(found)s)."),
        _("See that the clocks of all servers are right. What was put off is due now, with the next pass."),
        Severity.WARNING,
    ),
    ProblemCode.CHARACTERS: ProblemKind(
        _("tables cannot hold every character"),
        _("No emoji and no rare characters in %(tables)s; in what Percipio says they are replaced."),
        _("Convert these tables, with the LMS's own, to utf8mb4. Nothing is lost until then."),
        Severity.WARNING,
    ),
    ProblemCode.ERASURES: ProblemKind(
        _("erasure requests have to be sent to Skillsoft"),
        ngettext_lazy(
            "%(count)s erasure request has to be sent to Skillsoft.",
            "%(count)s erasure requests have to be sent to Skillsoft.",
            "count",
        ),
        _("Send the list of percipio_erasures to Skillsoft; then percipio_erasures --done ID"),
        Severity.WARNING,
        page="erasurerequest_changelist?state=open",
    ),
}
TITLES: Mapping[str, Text] = {code: kind.title for code, kind in KINDS.items()}

# Why a destination is paused, with the fix.
PAUSES: Mapping[str, Text] = {
    Pause.UNAUTHORIZED: _("Percipio refuses the credentials. Test the connection and correct the configuration."),
    Pause.NOT_FOUND: _("Percipio does not know the address. Check the partner, the organization and the region."),
    Pause.REFUSED: _(
        "Percipio refuses every statement. Its answer says why; test the connection and remove the cause."
    ),
    Pause.OWN_CREDENTIALS: _(
        "The site's own credentials were deleted. What was made with them is not sent with those of the settings: give "
        "them again in the site's configuration, or discard the statements."
    ),
    Pause.CONFIGURATION: _("The configuration has a mistake. Open it and correct it."),
    Pause.PRIVATE_ADDRESS: _("Percipio's host stands at an address inside your network. Test the connection."),
    Pause.ACCOUNT_OFF: _(
        "The account is switched off. What was made for it waits, and never leaves through another one."
    ),
    Pause.NO_ACCOUNT: _(
        "The account for which this was made is there no more, and it leaves through no other one: add the account "
        "again, move the statements to their learners' accounts, or discard them."
    ),
    Pause.NOT_CONFIGURED: _("The site is switched off, or has no configuration."),
}

# The same where the endpoint is that of the catalog.
CATALOG_PAUSES: Mapping[str, Text] = {
    **PAUSES,
    Pause.UNAUTHORIZED: _(
        "Percipio refuses the service account; often it lacks the permission CONTENT_IMPORT. Test the connection, and "
        "ask Skillsoft for the permission."
    ),
    Pause.REFUSED: _("Percipio refuses every course. Its answer says why; see the type and the language of the items."),
}


class Step(TextChoices):
    """The steps of a pass; none prevents the others."""

    OBSERVING = "observing", _("observing")
    REBUILDING = "rebuilding", _("rebuilding statements")
    DELIVERING = "delivering", _("delivering")
    CATALOG = "catalog", _("sending the catalog")
    BACKFILLING = "backfilling", _("back-filling")
    SWEEPING = "sweeping", _("sweeping")
    ALERTING = "alerting", _("alerting")
