"""Find an installation's problems in one ``Snapshot``, for alerts, overview, doctor and metrics.

Alerts report errors only; the others show warnings as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import config
from percipio_openedx.models.catalog import EntryState
from percipio_openedx.models.learner_course import Part
from percipio_openedx.operations import labels
from percipio_openedx.operations.problem_kinds import (
    CATALOG_PAUSES,
    KINDS,
    OVERVIEW,
    PAUSES,
    ProblemCode,
    Severity,
    Step,
)
from percipio_openedx.operations.sites import SiteStatus, course_named

if TYPE_CHECKING:
    # The LMS's web processes show alert titles and must start without the rest.
    from percipio_openedx.models.destination import Destination
    from percipio_openedx.operations.status import Snapshot

# The subject of notices that no worker takes up.
NOTICES = "notices"


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
    return _problem(ProblemCode.BROKEN, step, step=Step(step).label, reason=reason)


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
