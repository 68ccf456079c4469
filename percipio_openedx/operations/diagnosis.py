"""What is wrong with an installation, found from one ``Snapshot``: the answer that four faces show."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.enums import ProblemCode, Severity
from percipio_openedx.models.learner_course import ObservationFailure, Part
from percipio_openedx.operations.problems import (
    NOTICES,
    PAUSES,
    TIMES,
    Problem,
    at,
    broken_step,
    run_a_worker,
    subject_of,
)
from percipio_openedx.operations.snapshot import DestinationStatus, SiteStatus, Snapshot


def find(snapshot: Snapshot) -> list[Problem]:
    """Return what is wrong, in the language in force, what explains the rest first."""
    if not snapshot.reports():
        # Switched off, or never begun: whatever lies about keeps nothing from arriving.
        return [*_unconfigured(snapshot), *_broken(snapshot), *_of_the_data(snapshot)]
    by_site = {site.site_id: list(_of_site(site)) for site in snapshot.sites.values()}
    found = [one for problems in by_site.values() for one in problems]
    found += _no_worker(snapshot)
    for site in snapshot.sites.values():
        if site.in_force is not None:
            found += [one for each in site.destinations for one in _of_destination(each, site, snapshot)]
    found += [*_broken(snapshot), *map(_of_course, snapshot.courses), *_unobserved(snapshot)]
    found += [*_not_rebuilt(snapshot), *_of_the_data(snapshot)]
    order = {code: number for number, code in enumerate(ProblemCode)}
    return sorted(found, key=lambda one: (one.severity is not Severity.ERROR, order[one.code]))


# --- sites -----------------------------------------------------------------------------------------------------------


def _unconfigured(snapshot: Snapshot) -> Iterator[Problem]:
    if any(site.is_chosen for site in snapshot.sites.values()):
        return
    yield Problem(
        ProblemCode.UNCONFIGURED,
        Severity.ERROR,
        "sites",
        _("Nothing is reported: no site has a configuration."),
        _("Set PERCIPIO_PARTNER_NAME, PERCIPIO_CLIENT_ID and PERCIPIO_CLIENT_SECRET, or use the admin."),
    )


def _of_site(site: SiteStatus) -> Iterator[Problem]:
    problem = partial(
        Problem, severity=Severity.ERROR, subject=f"site:{site.site_id}", where=site.name, site_id=site.site_id
    )
    if site.mistake is not None:
        yield problem(
            code=ProblemCode.MISCONFIGURED,
            sentence=_("Nothing is sent: %(setting)s %(problem)s.")
            % {"setting": site.mistake.setting, "problem": site.mistake.problem},
            fix=_("Correct %(setting)s, in the settings or in the site's configuration.")
            % {"setting": site.mistake.setting},
        )
    elif site.in_force is not None and not site.may_have_courses:
        yield problem(
            code=ProblemCode.NO_COURSES,
            sentence=_(
                "Nothing is reported: no course can belong to this site. A course belongs to the site whose "
                "course_org_filter names its organization, else to SITE_ID (%(default)s)."
            )
            % {"default": config.default_site_id()},
            fix=_(
                "Configure the site that the courses belong to, or change SITE_ID or course_org_filter. Then run "
                "percipio_backfill: of what happened meanwhile nothing was noticed."
            ),
        )


def _no_worker(snapshot: Snapshot) -> Iterator[Problem]:
    if snapshot.late_notice is not None:
        sentence = _(
            "No worker seems to run, or it cannot keep up: the oldest notice has been waiting since %(at)s."
        ) % {"at": at(snapshot.late_notice)}
        yield Problem(ProblemCode.LATE, Severity.ERROR, NOTICES, sentence, run_a_worker())


# --- destinations ----------------------------------------------------------------------------------------------------


def _of_destination(found: DestinationStatus, site: SiteStatus, snapshot: Snapshot) -> Iterator[Problem]:
    row = found.row
    problem = partial(
        Problem,
        subject=subject_of(row.pk),
        where=", ".join(part for part in (site.name, row.organization) if part),
        site_id=site.site_id,
    )
    # Where the configuration has a mistake, that is what they wait for.
    is_sent_to = site.configuration is not None
    if is_sent_to and found.is_late and found.waiting_since is not None:
        sentence = _(
            "No worker seems to run, or it cannot keep up: the oldest statement has been waiting since %(at)s."
        ) % {"at": at(found.waiting_since)}
        yield problem(code=ProblemCode.LATE, severity=Severity.ERROR, sentence=sentence, fix=run_a_worker())
    said = f" ({row.last_error})" if row.last_error else ""
    if is_sent_to and found.is_paused:
        yield problem(
            code=ProblemCode.PAUSED,
            severity=Severity.ERROR,
            sentence=_nothing_is_sent(found) + f" {PAUSES.get(row.paused_reason, row.paused_reason)}{said}",
            fix=_("percipio_doctor --online says more. It is then tried by itself, or at once: percipio_retry --now"),
        )
    elif is_sent_to and row.failures:
        # Told of when it lasts.
        is_long = row.failing_since is not None and row.failing_since < snapshot.at - snapshot.patience
        yield problem(
            code=ProblemCode.FAILING,
            severity=Severity.ERROR if is_long else Severity.WARNING,
            sentence=_failing(found, row.failing_since or snapshot.at) + said,
            fix=_("Nothing is lost: it is tried again by itself. percipio_doctor --online says more."),
        )
    if found.parked:
        sentence = ngettext(
            "Percipio refuses %(count)s statement; it is parked.",
            "Percipio refuses %(count)s statements; they are parked.",
            found.parked,
        ) % {"count": found.parked}
        fix = _("See why in the admin (statements, parked); when the cause is removed: percipio_retry --parked")
        yield problem(code=ProblemCode.PARKED, severity=Severity.ERROR, sentence=sentence, fix=fix)


def _nothing_is_sent(found: DestinationStatus) -> str:
    if not found.waiting:
        return _("Nothing is sent.")
    text = ngettext(
        "Nothing is sent, and %(count)s statement waits.",
        "Nothing is sent, and %(count)s statements wait.",
        found.waiting,
    )
    return text % {"count": found.waiting}


def _failing(found: DestinationStatus, since: datetime) -> str:
    text = ngettext(
        "Percipio cannot be reached or has problems of its own, since %(at)s: %(count)s statement waits and leaves by "
        "itself.",
        "Percipio cannot be reached or has problems of its own, since %(at)s: %(count)s statements wait and leave by "
        "themselves.",
        found.waiting,
    )
    return text % {"count": found.waiting, "at": at(since)}


# --- observing -------------------------------------------------------------------------------------------------------


def _broken(snapshot: Snapshot) -> Iterator[Problem]:
    """A step of a pass breaks: only the pass that it broke can tell, and it has left an alert."""
    for row in snapshot.alerts:
        if row.kind == ProblemCode.BROKEN:
            yield broken_step(row.subject, row.words)


def _of_course(row: ObservationFailure) -> Problem:
    """A course run that cannot be read. A first failure is most often the moment's, and over with the next pass."""
    text = (
        _("Since %(at)s the LMS cannot say how far learners are in %(course)s (%(reason)s). The rest is reported.")
        if row.part == Part.PROGRESS
        else _("Since %(at)s the LMS cannot read %(course)s (%(reason)s). Its reports wait; all others leave.")
    )
    again = _("Tried again at %(at)s.") % {"at": at(row.retry_at)}
    return Problem(
        ProblemCode.UNREADABLE,
        Severity.ERROR if row.failures > 1 else Severity.WARNING,
        f"course:{hashlib.sha256(f'{row.course_key}|{row.part}'.encode()).hexdigest()[:32]}",
        text % {"at": at(row.failing_since), "course": row.course_key, "reason": row.reason} + f" {again}",
        _("Repair the course in the LMS, or leave it out (percipio_courses); percipio_retry --now tries it at once."),
    )


def _unobserved(snapshot: Snapshot) -> Iterator[Problem]:
    for reason, count in snapshot.learners.items():
        sentence = ngettext(
            "Of %(count)s learner something could not be found out or told (%(reason)s).",
            "Of %(count)s learners something could not be found out or told (%(reason)s).",
            count,
        ) % {"count": count, "reason": reason}
        fix = _("They are tried again by themselves; the admin lists them (observations that failed).")
        subject = f"learners:{hashlib.sha256(reason.encode()).hexdigest()[:32]}"
        yield Problem(ProblemCode.UNOBSERVED, Severity.WARNING, subject, sentence, fix)


def _not_rebuilt(snapshot: Snapshot) -> Iterator[Problem]:
    for reason, count in snapshot.not_rebuilt.items():
        sentence = ngettext(
            "%(count)s statement cannot be built anew: %(reason)s",
            "%(count)s statements cannot be built anew: %(reason)s",
            count,
        ) % {"count": count, "reason": reason}
        fix = _("Remove the cause; they are tried again by themselves, or at once by percipio_retry --now.")
        subject = f"rebuild:{hashlib.sha256(reason.encode()).hexdigest()[:32]}"
        yield Problem(ProblemCode.NOT_REBUILT, Severity.WARNING, subject, sentence, fix)


# --- what was stored -------------------------------------------------------------------------------------------------


def _of_the_data(snapshot: Snapshot) -> Iterator[Problem]:
    if snapshot.future_times:
        named = ", ".join(f"{TIMES[what]}: {count}" for what, count in snapshot.future_times.items())
        sentence = _("A clock was ahead: there are times in the future (%(found)s).") % {"found": named}
        fix = _("See that the clocks of all servers are right. What was put off is due now, with the next pass.")
        yield Problem(ProblemCode.CLOCK, Severity.WARNING, "clock", sentence, fix)
    if snapshot.charsets:
        sentence = _("No emoji and no rare characters in %(tables)s; in what Percipio says they are replaced.")
        fix = _("Convert these tables, with the LMS's own, to utf8mb4. Nothing is lost until then.")
        tables = ", ".join(snapshot.charsets)
        yield Problem(ProblemCode.CHARACTERS, Severity.WARNING, "tables", sentence % {"tables": tables}, fix)
    if snapshot.open_erasures:
        sentence = ngettext(
            "%(count)s erasure has to be asked of Skillsoft.",
            "%(count)s erasures have to be asked of Skillsoft.",
            snapshot.open_erasures,
        ) % {"count": snapshot.open_erasures}
        fix = _("Send the list of percipio_erasures to Skillsoft; then percipio_erasures --done ID")
        yield Problem(ProblemCode.ERASURES, Severity.WARNING, "erasures", sentence, fix)
