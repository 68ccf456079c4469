"""Find an installation's problems in one ``Snapshot``, for alerts, overview, doctor and metrics.

Alerts report errors only; the others show warnings as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

from percipio_openedx import config
from percipio_openedx.enums import Pause
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.learner_course import Part
from percipio_openedx.operations import labels
from percipio_openedx.operations.labels import Text
from percipio_openedx.operations.sites import SiteStatus, course_named

if TYPE_CHECKING:
    # The LMS's web processes show alert titles and must start without the rest.
    from percipio_openedx.models.destination import Destination
    from percipio_openedx.operations.status import Snapshot

# The admin page of what has none of its own.
OVERVIEW = "overview"
# The subject of notices that no worker takes up.
NOTICES = "notices"


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
class Problem:
    """One current problem. Nothing personal or secret.

    ``subject`` names it in a row (``destination:3``), ``where`` for people; ``site_id`` is None where it affects all
    sites. ``count`` is the number in its sentence (None: it has none), ``since`` when it began, if that is known.
    ``said`` is the part of the sentence that is not ours but Percipio's, redacted.
    """

    code: ProblemCode
    severity: Severity
    subject: str
    sentence: str
    fix: str
    where: str = ""
    site_id: int | None = None
    count: int | None = None
    since: datetime | None = None
    said: str = ""


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

# The steps of a pass (``run.Step``).
STEPS: Mapping[str, Text] = {
    "observing": _("observing"),
    "rebuilding": _("rebuilding statements"),
    "delivering": _("delivering"),
    "catalog": _("sending the catalog"),
    "backfilling": _("back-filling"),
    "sweeping": _("sweeping"),
    "alerting": _("alerting"),
}


def find(snapshot: Snapshot) -> list[Problem]:
    """Return the problems in the active language, causes before consequences."""
    # Only the pass that a step broke knows of it; it has left an alert.
    fix = str(KINDS[ProblemCode.BROKEN].fix)
    broken = [row for row in snapshot.alerts if row.kind == ProblemCode.BROKEN]
    found = [Problem(ProblemCode.BROKEN, Severity.ERROR, row.subject, row.message, fix) for row in broken]
    found += _stored(snapshot)
    # Where nothing reports, switched off or never set up, a backlog holds up nothing.
    if snapshot.reports():
        found += _observing(snapshot)
        for site in snapshot.sites.values():
            found += _of_site(site, snapshot)
    elif not any(site.is_chosen for site in snapshot.sites.values()):
        found.append(_problem(ProblemCode.UNCONFIGURED, "sites"))
    order = list(ProblemCode)
    return sorted(found, key=lambda one: (one.severity is not Severity.ERROR, order.index(one.code)))


def broken_step(step: str, reason: str) -> Problem:
    return _problem(ProblemCode.BROKEN, step, step=STEPS.get(step, step), reason=reason)


def page_of(code: str, subject: str, site_id: int | None = None) -> str:
    """Return the path of the admin page that shows a problem; ``''`` where the LMS has no admin."""
    kind, _colon, key = subject.partition(":")
    page = KINDS[code].page if code in KINDS else OVERVIEW
    if subject == NOTICES:
        page = "notice_changelist"
    elif code == ProblemCode.MISCONFIGURED and kind == "account":
        page = "account_changelist"
    name, mark, query = page.partition("?")
    try:
        path = reverse(f"admin:percipio_openedx_{name}", args=[key] if name == "destination_change" else [])
    except NoReverseMatch:
        return ""
    return path + mark + query % {"site": site_id}


def pause_of(row: Destination) -> str:
    """Return why a destination is paused, with the fix."""
    return str((CATALOG_PAUSES if row.is_catalog else PAUSES).get(row.paused_reason, row.paused_reason))


def at(moment: datetime) -> str:
    """Return a time for a sentence, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _problem(
    code: ProblemCode,
    subject: str,
    *,
    sentence: Any = None,
    more: str = "",
    severity: Severity | None = None,
    site: SiteStatus | None = None,
    account: str = "",
    organization: str = "",
    since: datetime | None = None,
    said: str = "",
    **values: object,
) -> Problem:
    """Return a problem, by default with its kind's labels; ``more`` is appended, ``values`` fill the placeholders.

    A ``count`` among them is its number, and ``since`` fills the placeholder ``at``.
    """
    kind = KINDS[code]
    if since is not None:
        values["at"] = at(since)
    text = (kind.sentence if sentence is None else sentence) % values + more
    of_account = gettext("account %(account)s") % {"account": account} if account else ""
    where = labels.listed(part for part in (site.name if site else "", of_account, organization) if part)
    count = values.get("count")
    return Problem(
        code=code,
        severity=severity or kind.severity,
        subject=subject,
        sentence=text,
        fix=kind.fix % values,
        where=where,
        site_id=site.site_id if site else None,
        count=count if isinstance(count, int) else None,
        since=since,
        said=said,
    )


def _of_site(site: SiteStatus, snapshot: Snapshot) -> Iterator[Problem]:
    subject = f"site:{site.site_id}"
    if site.in_force is None:
        return
    if site.mistake is not None:
        setting, mistake = site.mistake.setting, site.mistake.problem
        yield _problem(ProblemCode.MISCONFIGURED, subject, site=site, setting=setting, problem=mistake)
    for account, error in site.mistakes.items():
        yield _problem(
            ProblemCode.MISCONFIGURED,
            f"account:{site.site_id}:{account}",
            sentence=_("Nothing is sent for this account, and its learners wait: %(setting)s %(problem)s."),
            site=site,
            account=account,
            setting=error.setting,
            problem=error.problem,
        )
    if site.mistake is None and not site.may_have_courses:
        yield _problem(ProblemCode.NO_COURSES, subject, site=site, default=config.default_site_id())
    elif site.configuration is not None and site.configuration.unusable:
        yield _problem(ProblemCode.SITE_VALUES, subject, site=site, keys=", ".join(site.configuration.unusable))
    for found in site.destinations:
        row = found.row
        organization = labels.listed([row.organization, gettext("catalog")]) if row.is_catalog else row.organization
        here = partial(
            _problem, subject=f"destination:{row.pk}", site=site, account=row.account, organization=organization
        )
        if refused := found.items.get(EntryState.REFUSED, 0):
            yield here(ProblemCode.ITEMS_REFUSED, count=refused)
        if found.parked:
            yield here(ProblemCode.PARKED, count=found.parked)
        if found.unknown_learners:
            yield here(ProblemCode.UNKNOWN_LEARNERS, count=found.unknown_learners)
        # A configuration mistake is what the others wait for.
        if site.mistake is not None or row.account in site.mistakes:
            continue
        if found.is_late and found.waiting_since is not None:
            yield here(ProblemCode.LATE, since=found.waiting_since, count=found.waiting)
        said = row.last_error
        more = f" ({said})" if said else ""
        if found.is_paused:
            sentence = None if found.waiting else _("Nothing is sent.")
            sentence = _("The catalog is not sent.") if row.is_catalog else sentence
            more = f" {pause_of(row)}{more}"
            yield here(ProblemCode.PAUSED, sentence=sentence, more=more, said=said, count=found.waiting)
        elif row.failures:
            since = row.failing_since or snapshot.at
            # An error only once it lasts.
            severity = Severity.ERROR if since < snapshot.at - snapshot.patience else Severity.WARNING
            sentence = _("Since %(at)s the catalog cannot be sent.") if row.is_catalog else None
            count = found.waiting
            failing = partial(here, ProblemCode.FAILING, severity=severity, since=since)
            yield failing(sentence=sentence, more=more, said=said, count=count)


def _observing(snapshot: Snapshot) -> Iterator[Problem]:
    if snapshot.late_notice is not None:
        text = _("No worker seems to run, or it cannot keep up: the oldest notice has been waiting since %(at)s.")
        yield _problem(ProblemCode.LATE, NOTICES, sentence=text, since=snapshot.late_notice)
    no_progress = _(
        "Since %(at)s the LMS cannot say how far learners are in %(course)s (%(reason)s). The rest is reported."
    )
    for row in snapshot.courses:
        yield _problem(
            ProblemCode.UNREADABLE,
            _hashed("course", f"{row.course_key}|{row.part}"),
            sentence=no_progress if row.part == Part.PROGRESS else None,
            more=" " + gettext("Tried again at %(at)s.") % {"at": at(row.retry_at)},
            # A first failure is usually temporary and gone in the next pass.
            severity=Severity.ERROR if row.failures > 1 else Severity.WARNING,
            since=row.failing_since,
            course=course_named(row.course_key, snapshot.course_names),
            reason=row.reason,
        )
    for reason, count in snapshot.learners.items():
        yield _problem(ProblemCode.UNOBSERVED, _hashed("learners", reason), count=count, reason=reason)
    for reason, count in snapshot.not_rebuilt.items():
        yield _problem(ProblemCode.NOT_REBUILT, _hashed("rebuild", reason), said=reason, count=count, reason=reason)


def _hashed(what: str, text: str) -> str:
    return f"{what}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _stored(snapshot: Snapshot) -> Iterator[Problem]:
    """Yield the problems with stored rows, whether or not anything is reported."""
    if snapshot.future_times:
        found = labels.listed(f"{gettext(what)}: {count}" for what, count in snapshot.future_times.items())
        yield _problem(ProblemCode.CLOCK, "clock", found=found)
    if snapshot.charsets:
        yield _problem(ProblemCode.CHARACTERS, "tables", tables=", ".join(snapshot.charsets))
    if snapshot.open_erasures:
        yield _problem(ProblemCode.ERASURES, "erasures", count=snapshot.open_erasures)
