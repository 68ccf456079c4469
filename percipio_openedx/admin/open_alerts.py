"""The open alerts as the overview shows them: what is out of order now, in the reader's language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext

from percipio_openedx.admin import words
from percipio_openedx.admin.figures import DestinationFigures, SiteFigures
from percipio_openedx.codes import Trouble
from percipio_openedx.models.alert import Alert
from percipio_openedx.operations import alerts
from percipio_openedx.operations.troubles import PAUSES


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One thing that is out of order: where, what, since when, and whether it has been mailed or logged yet."""

    where: str
    sentence: str
    since: datetime
    is_told: bool


def shown(sites: Iterable[SiteFigures]) -> list[OpenAlert]:
    """The open alerts as sentences in the reader's language, the oldest first. One query.

    Arguments:
        sites: the overview's figures, which may be younger or older than the alert by a minute.
    """
    places = {alerts.subject_of(found.row.pk): (site, found) for site in sites for found in site.destinations}
    return [_shown(row, places.get(row.subject)) for row in alerts.open_alerts()]


def _shown(row: Alert, place: tuple[SiteFigures, DestinationFigures] | None) -> OpenAlert:
    if row.subject == alerts.NOTICES:
        sentence = gettext("What learners do has not been looked at for too long. Does a worker run?")
        return OpenAlert("", sentence, row.changed_at, row.is_told)
    if place is None:
        # The destination is gone, or younger than the figures.
        return OpenAlert("", row.words, row.changed_at, row.is_told)
    site, found = place
    where = ", ".join(part for part in (site.domain, found.row.organization) if part)
    return OpenAlert(where, _sentence(row, found), row.changed_at, row.is_told)


def _sentence(row: Alert, found: DestinationFigures) -> str:
    """What is out of order at a destination now."""
    if row.kind == Trouble.PAUSED and found.row.paused_reason:
        return gettext("Nothing is sent. %(why)s") % {"why": words.of(PAUSES, found.row.paused_reason)}
    if row.kind == Trouble.PARKED and found.parked:
        return alerts.refusing(found.parked)
    if row.kind == Trouble.LATE and found.waiting_since:
        at = date_format(localtime(found.waiting_since), "DATETIME_FORMAT")
        return gettext("Since %(at)s the oldest statement has been waiting.") % {"at": at}
    return row.words
