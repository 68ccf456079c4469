"""Whether all is well at a site, in one sentence, and how it is marked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.admin import words
from percipio_openedx.admin.figures import TOO_LONG, DestinationFigures, Hints, SiteFigures
from percipio_openedx.codes import Pause
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.operations.troubles import PAUSES


class Tone(StrEnum):
    """How a sentence is marked."""

    WELL = "well"
    WARNING = "warning"
    ERROR = "error"
    QUIET = "quiet"


# Why nothing at all leaves, and a person has to act.
_CLOSED = (
    Pause.UNAUTHORISED,
    Pause.NOT_FOUND,
    Pause.REFUSED,
    Pause.OWN_CREDENTIALS,
    Pause.CONFIGURATION,
    Pause.PRIVATE_ADDRESS,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One sentence and its mark."""

    tone: Tone
    words: str


def of_site(site: SiteFigures, hints: Hints, now: datetime) -> Verdict:
    """The worst that can be said of a site; the first that is true.

    Raises nothing: a mistake in the configuration is what it says then.
    """
    if not config.is_on():
        return Verdict(
            Tone.QUIET, _("Switched off: PERCIPIO_ENABLED is False. Nothing is noticed and nothing is sent.")
        )
    try:
        configuration = config.for_site(site.site_id)
    except PercipioConfigurationError as error:
        text = _("Nothing is sent: %(setting)s %(problem)s.")
        return Verdict(Tone.ERROR, text % {"setting": error.setting, "problem": error.problem})
    if configuration is None:
        return Verdict(Tone.QUIET, _("Nothing is reported: this site is switched off, or has no configuration."))
    if not site.may_have_courses:
        text = _(
            "Nothing is reported: no course can belong to this site. A course belongs to the site whose "
            "course_org_filter names its organization, else to SITE_ID (%(default)s)."
        )
        return Verdict(Tone.ERROR, text % {"default": config.default_site_id()})
    if hints.oldest is not None and now - hints.oldest > TOO_LONG + timedelta(seconds=config.gathering()):
        return _no_worker()
    return _of_destinations(site.destinations) or _of_rows(site, hints)


def _no_worker() -> Verdict:
    """What waits leaves with a worker only; so this comes before whatever Percipio says."""
    text = _(
        "No worker seems to run, or it cannot keep up: something has been waiting for more than %(minutes)s "
        "minutes. Check the Celery workers, or percipio_run."
    )
    return Verdict(Tone.ERROR, text % {"minutes": int(TOO_LONG.total_seconds() // 60)})


def _of_destinations(destinations: list[DestinationFigures]) -> Verdict | None:
    """Percipio's own trouble, or that of our credentials there."""
    refused = [found for found in destinations if found.row.paused_reason in _CLOSED]
    if refused:
        waiting = sum(found.waiting for found in refused)
        text = _("Nothing is sent, and %(count)s statements wait. %(why)s")
        return Verdict(Tone.ERROR, text % {"count": waiting, "why": words.of(PAUSES, refused[0].row.paused_reason)})
    failing = [found for found in destinations if found.row.failures]
    if failing:
        text = _(
            "Percipio cannot be reached or has trouble of its own: %(count)s statements wait and leave by themselves."
        )
        return Verdict(Tone.WARNING, text % {"count": sum(found.waiting for found in failing)})
    left = sum(found.waiting for found in destinations if found.row.paused_reason == Pause.NOT_CONFIGURED)
    if left:
        text = ngettext(
            "Nothing is sent: this site reports no more, and %(count)s statement waits.",
            "Nothing is sent: this site reports no more, and %(count)s statements wait.",
            left,
        )
        return Verdict(Tone.WARNING, text % {"count": left})
    return None


def _of_rows(site: SiteFigures, hints: Hints) -> Verdict:
    """What lies about: statements that wait, courses that cannot be read, statements that were refused."""
    if any(found.is_stuck for found in site.destinations):
        return _no_worker()
    if hints.failing_courses:
        text = ngettext(
            "The LMS cannot read %(count)s course run, which waits; all others are reported.",
            "The LMS cannot read %(count)s course runs, which wait; all others are reported.",
            hints.failing_courses,
        )
        return Verdict(Tone.WARNING, text % {"count": hints.failing_courses})
    parked = site.total("parked")
    if parked:
        text = ngettext(
            "Percipio refused %(count)s statement; look at its answer and decide. Nothing else is in the way.",
            "Percipio refused %(count)s statements; look at its answers and decide. Nothing else is in the way.",
            parked,
        )
        return Verdict(Tone.WARNING, text % {"count": parked})
    waiting = site.total("waiting")
    if waiting:
        text = ngettext(
            "All is well: %(count)s statement is on its way.",
            "All is well: %(count)s statements are on their way.",
            waiting,
        )
        return Verdict(Tone.WELL, text % {"count": waiting})
    if not site.destinations:
        return Verdict(Tone.WELL, _("All is well; nothing has been reported yet."))
    return Verdict(Tone.WELL, _("All is well: everything that was reported has arrived."))
