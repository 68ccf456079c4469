"""Operators' labels for every code the plugin stores, each with its fix."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.enums import Api, CatalogGap, HoldReason, Kind, Offer, Outcome, UnreportedReason
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.learner_course import Reason
from percipio_openedx.models.statement import State

if TYPE_CHECKING:
    from percipio_openedx.reporting.unreported import Unreported

Text = str | Promise


class Tone(StrEnum):
    """How a sentence is marked."""

    WELL = "well"
    WARNING = "warning"
    ERROR = "error"
    QUIET = "quiet"


KINDS: Mapping[str, Text] = {
    Kind.STARTED: _("started"),
    Kind.PROGRESSED: _("progressed"),
    Kind.PASSED: _("passed"),
    Kind.FAILED: _("failed"),
    Kind.COMPLETED: _("completed"),
    Kind.RETRACTED: _("taken back"),
}

APIS: Mapping[str, Text] = {Api.STATEMENTS: _("Statements API (xAPI)"), Api.TRACK: _("Track API")}

STATES: Mapping[str, Text] = {
    State.OUTDATED: _("to be rebuilt"),
    State.WAITING: _("waiting"),
    State.SENDING: _("being sent"),
    State.DELIVERED: _("delivered"),
    State.PARKED: _("parked"),
    State.DISCARDED: _("discarded"),
    State.SKIPPED: _("skipped"),
}

ENTRIES: Mapping[str, Text] = dict(EntryState.choices)

REASONS: Mapping[str, Text] = {
    Reason.ENROLLMENT: _("enrollment"),
    Reason.MODE: _("the enrollment mode changed"),
    Reason.COMPLETION: _("a block was completed"),
    Reason.GRADE: _("the course grade changed"),
    Reason.PASSING: _("passing or not passing changed"),
    Reason.FIRST_PASS: _("the course was passed for the first time"),
    Reason.CERTIFICATE: _("a certificate was made"),
    Reason.COURSE_DATE: _("a date of the course: it may have ended, or show its certificates now"),
    Reason.REVOCATION: _("a certificate was revoked"),
    Reason.SSO_LINK: _("a single-sign-on link was saved"),
    Reason.RETIREMENT: _("the learner retires"),
    Reason.BACKFILL: _("back-fill"),
    Reason.KNOWN_AGAIN: _("the learner is no longer held back as unknown to Percipio"),
    Reason.SWEEP: _("sweep"),
    Reason.ASKED: _("another plugin asked for it"),
}

HOLDS: Mapping[str, Text] = {
    HoldReason.NOT_ENROLLED: _("The learner was never enrolled in this course run: nothing is reported."),
    HoldReason.INACTIVE: _("The account is not active. Activate it, and the next activity is reported with the rest."),
    HoldReason.RETIRED: _("The learner has asked to be forgotten: nothing is reported any more."),
    HoldReason.UNKNOWN_LEARNER: _("The LMS has no such account (any more)."),
    HoldReason.UNKNOWN_COURSE: _("The LMS has no such course run (any more)."),
    HoldReason.NO_EMAIL: _("The account has no email address, and learners are named by theirs."),
    HoldReason.ODD_EMAIL: _("The account's email address is none that a statement can name. Correct it in the LMS."),
    HoldReason.NO_EXTERNAL_ID: _("The LMS has no external id for this learner, and learners are named by theirs."),
    HoldReason.NO_SSO_LINK: _("The learner has no single-sign-on link, and learners are named by what it says."),
    HoldReason.NO_SSO_VALUE: _("The learner's single-sign-on link does not say how Percipio names the learner."),
    HoldReason.UNREADABLE_SSO: _("The data of the learner's single-sign-on link cannot be read. Correct or remove it."),
    HoldReason.AMBIGUOUS_SSO: _("The learner's single-sign-on links contradict each other. Remove the wrong one."),
    HoldReason.NOT_SELECTED: _("Only learners of one single-sign-on provider are reported; this one is none of them."),
    HoldReason.MODE_LEFT_OUT: _("The learner is enrolled in a mode that is not reported (PERCIPIO_MODES)."),
    HoldReason.COURSE_LEFT_OUT: _("This course is left out. Its course override says so and can be changed."),
    HoldReason.NOT_IN_CATALOG: _(
        "This course is not in the catalog, and only courses in it are reported. Offer it, then back-fill it."
    ),
    HoldReason.NO_ORGANIZATION: _("No Percipio organization is known for this learner, and the site names none."),
    HoldReason.ODD_ORGANIZATION: _(
        "What the learner's single-sign-on link says is no id of a Percipio organization. Correct the value there."
    ),
    HoldReason.NO_ACCOUNT: _("No account of the site is this learner's: the rule of none of them matches."),
    HoldReason.ACCOUNT_OFF: _(
        "The account that this learner belongs to is switched off. Switched on, it gets the reports that are due."
    ),
    HoldReason.UNSAYABLE: _("A statement cannot be made of what the LMS says; the log names the field."),
    HoldReason.STOPPED: _(
        "A filter step of this LMS stops what is due; the log names its reason. What is due is built again at the "
        "learner's next act, and once a day."
    ),
    HoldReason.UNKNOWN_TO_PERCIPIO: _(
        "Percipio has refused this learner as unknown. Reports go on when the learner's name for Percipio changes, or "
        "when the learner is tried again in the list of learners unknown to Percipio."
    ),
}

# The same in a few words, to be counted in a sentence about many learners.
HOLDS_IN_SHORT: Mapping[str, Text] = {
    HoldReason.NOT_ENROLLED: _("never enrolled"),
    HoldReason.INACTIVE: _("account not active"),
    HoldReason.RETIRED: _("asked to be forgotten"),
    HoldReason.UNKNOWN_LEARNER: _("no account any more"),
    HoldReason.UNKNOWN_COURSE: _("course no longer in the LMS"),
    HoldReason.NO_EMAIL: _("no email address"),
    HoldReason.ODD_EMAIL: _("email address that a statement cannot name"),
    HoldReason.NO_EXTERNAL_ID: _("no external id"),
    HoldReason.NO_SSO_LINK: _("no single-sign-on link"),
    HoldReason.NO_SSO_VALUE: _("single-sign-on link without the learner's id"),
    HoldReason.UNREADABLE_SSO: _("single-sign-on link that cannot be read"),
    HoldReason.AMBIGUOUS_SSO: _("single-sign-on links that contradict each other"),
    HoldReason.NOT_SELECTED: _("not of the single-sign-on provider that is reported"),
    HoldReason.COURSE_LEFT_OUT: _("only in courses that are left out"),
    HoldReason.NO_ORGANIZATION: _("no Percipio organization"),
    HoldReason.ODD_ORGANIZATION: _("unusable id of a Percipio organization"),
    HoldReason.UNSAYABLE: _("something that a statement cannot say"),
    HoldReason.NOT_IN_CATALOG: _("only in courses that are not offered"),
    HoldReason.MODE_LEFT_OUT: _("enrolled in a mode that is left out"),
    HoldReason.NO_ACCOUNT: _("of none of the site's accounts"),
    HoldReason.ACCOUNT_OFF: _("of an account that is switched off"),
    HoldReason.STOPPED: _("stopped by a filter step"),
    HoldReason.UNKNOWN_TO_PERCIPIO: _("unknown to Percipio"),
}

OFFERS: Mapping[str, Text] = {
    Offer.UNSET: _("as the site's rule says"),
    Offer.OFFERED: _("offered"),
    Offer.WITHDRAWN: _("withdrawn"),
}

GAPS: Mapping[str, Text] = {
    CatalogGap.TITLE: _("The course has no name. Give it one in Studio, or a title in its course override."),
    CatalogGap.DURATION: _(
        "Its effort says no duration that can be read. Write it in Studio as 3 hours, or give a duration in its course "
        "override, or set PERCIPIO_CATALOG_DURATION for all such courses."
    ),
    CatalogGap.LANGUAGE: _(
        "The course names no language. Choose one in Studio, or set PERCIPIO_CATALOG_LANGUAGE for all such courses."
    ),
    CatalogGap.URL: _("The course has no address, for LMS_ROOT_URL is none. Set it."),
    CatalogGap.LONG_ID: _("Its content id has more than 600 characters. Give it a shorter one in its course override."),
    CatalogGap.DESCRIPTION: _("The course has no short description. Write one in Studio."),
    CatalogGap.ALPHABET: _(
        "Its content id holds other characters than letters, digits and - @ , $ #, or begins like a formula. Give it "
        "another one in its course override."
    ),
}

UNREPORTED_REASONS: Mapping[UnreportedReason, Text] = {
    UnreportedReason.NOT_CHOSEN: _("this site does not report it (PERCIPIO_MILESTONES)"),
    UnreportedReason.RETAKE: _(
        "the learner was reported as completed in another run of this course, and the site leaves it out then "
        "(PERCIPIO_RETAKES)"
    ),
    UnreportedReason.OLDER_COMPLETION: _(
        "the learner was reported as completed in another run of this course, at the same time or later"
    ),
    UnreportedReason.OTHERS_CAME_FIRST: _("other milestones were reported already, and the start comes first"),
    UnreportedReason.NO_ACTIVITY: _("the learner has not done anything in the course yet"),
    UnreportedReason.COMPLETED_BEFORE: _("nothing is reported after the completion"),
    UnreportedReason.PROGRESS_UNKNOWN: _("the LMS does not say how much is done"),
    UnreportedReason.NO_PROGRESS: _("no unit is done yet"),
    UnreportedReason.ALL_UNITS: _(
        "everything is done, and 99 percent were reported; what is missing is the completion"
    ),
    UnreportedReason.STEP_NOT_REACHED: _("%(percent)s percent are done, which is no new step of %(step)s percent"),
    UnreportedReason.NO_GRADE: _("the LMS has no grade of this learner"),
    UnreportedReason.NOT_PASSED: _("the learner has not passed yet"),
    UnreportedReason.NOT_PASSING_NOW: _("the learner's grade has fallen below the pass mark"),
    UnreportedReason.NOT_GRADED: _("the course is not graded"),
    UnreportedReason.RUN_NOT_ENDED: _("the course run has not ended (its end date)"),
    UnreportedReason.PASSES: _("the learner passes"),
    UnreportedReason.REPORTED_AS_PASSED: _("the learner was reported as passed"),
    UnreportedReason.FAILED_BEFORE: _("no progress is reported after failed"),
    UnreportedReason.NOT_ENROLLED_NOW: _("the learner has left the course run"),
    UnreportedReason.UNITS_LEFT: _("%(percent)s percent of the units are done, and completion takes all of them"),
    UnreportedReason.UNITS_LOCKED: _(
        "%(percent)s percent of the units are done, and the others are locked for this learner, for instance in audit "
        "mode. They count as not done, unless PERCIPIO_LOCKED_UNITS leaves them out"
    ),
    UnreportedReason.NO_CERTIFICATE: _("there is no certificate, and completion goes by it"),
    UnreportedReason.CERTIFICATE_NOT_HELD: _("the certificate is not held (any more), and completion goes by it"),
    UnreportedReason.CERTIFICATE_NOT_SHOWN: _(
        "there is a certificate, but the course does not show its certificates yet, and completion goes by it"
    ),
    UnreportedReason.NONE_OF_THREE: _("not passed, not all units done, no certificate"),
}
OUTCOMES: Mapping[str, Text] = {
    Outcome.ACCEPTED: _("accepted"),
    Outcome.PARTIAL: _("some accepted, some not"),
    Outcome.CONFLICT: _("there already, or a contradiction"),
    Outcome.PLAIN: _("a success that names nothing"),
    Outcome.DOUBT: _("in doubt"),
    Outcome.LATER: _("put off"),
    Outcome.UNAUTHORIZED: _("credentials refused"),
    Outcome.NOT_FOUND: _("address unknown there"),
    Outcome.TOO_LARGE: _("too large"),
    Outcome.REFUSED: _("refused"),
}


def of(table: Mapping[Any, Text], code: str) -> str:
    """Return a code's label; the code itself if it comes from a later version."""
    return str(table.get(code, code))


def of_milestone(kind: str, value: str) -> str:
    """Return a milestone as listed: ``progressed 40 %``."""
    if kind == Kind.PROGRESSED and value:
        return gettext("%(kind)s %(percent)s %%") % {"kind": of(KINDS, kind), "percent": value.partition(":")[0]}
    if kind == Kind.RETRACTED and value:
        return gettext("%(kind)s: %(what)s") % {"kind": of(KINDS, kind), "what": of(KINDS, value.partition(":")[0])}
    return of(KINDS, kind)


def of_problem(problem: str) -> str:
    """Return what could not be determined or built for a learner, ``''`` if nothing."""
    return gettext("it is tried again, for something went wrong: %(problem)s") % {"problem": problem} if problem else ""


def listed(words: Iterable[object]) -> str:
    """Return words of a sentence as a list, with the language's own comma."""
    # Translators: between the words of a list, with the space behind it.
    return gettext(", ").join(map(str, words))


def of_unreported(unreported: Unreported, step: int) -> str:
    """Return why a milestone is not reported; ``step`` is the site's progress step in percent."""
    return str(UNREPORTED_REASONS[unreported.why]) % {"percent": unreported.percent, "step": step}
