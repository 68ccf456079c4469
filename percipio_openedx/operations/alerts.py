"""Being told: once when something is out of order, and once more when it is well again.

The state is a row, so that ten workers tell once, and a restart tells nothing twice. A mail that could not be sent is
tried again with the next pass.
"""

from __future__ import annotations

import logging
import os
import smtplib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.core.mail import EmailMessage, get_connection
from django.db.models import Count, Min
from django.utils import timezone

from percipio_openedx import config
from percipio_openedx.delivery.health import NOT_CONFIGURED
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.alert import Alert
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.notice import Notice
from percipio_openedx.models.statement import OPEN_STATES, State, Statement

logger = logging.getLogger(__name__)

# Seconds between two looks at the rows. Kept by each process for itself: a pass must not need a cache.
EVERY = 60.0
# Seconds that a mail server may take.
MAIL_TIMEOUT = 10


_checked: dict[int, float] = {}


class Trouble(StrEnum):
    """What people are told about."""

    PAUSED = "paused"
    PARKED = "parked"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing as it is now. ``subject`` names it in a row, ``words`` for people."""

    trouble: Trouble
    subject: str
    is_on: bool
    words: str = ""


NOTICES = "notices"


def check(*, at_once: bool = False) -> None:
    """Compare how things are with what was told, and tell what changed.

    Arguments:
        at_once: whatever was checked lately; else at most once a minute and process, since it counts rows.
    """
    now = time.monotonic()
    if not at_once and now - _checked.get(os.getpid(), -EVERY) < EVERY:
        return
    forget()
    _checked[os.getpid()] = now
    note(conditions(timezone.now()))
    tell()


def forget() -> None:
    """Forget when this process checked last."""
    _checked.clear()


def open_alerts() -> Sequence[Alert]:
    """What is out of order now, the oldest first."""
    return list(Alert.objects.filter(is_on=True).order_by("changed_at", "pk"))


# --- how things are --------------------------------------------------------------------------------------------------


def conditions(now: datetime) -> list[Condition]:
    """Every destination's three conditions, and that of the notices. A number of queries that does not grow."""
    before = now - _patience()
    parked = _by_destination(State.PARKED)
    oldest = _oldest()
    found = []
    for row in Destination.objects.order_by("pk"):
        subject = subject_of(row.pk)
        where = f"site {row.site_id}, organization {row.organization or '-'}"
        found.append(paused(row))
        count = parked.get(row.pk, 0)
        words = f"{where}: Percipio refuses {count} statements; they are parked"
        found.append(Condition(Trouble.PARKED, subject, count > 0, words))
        since = oldest.get(row.pk)
        is_late = since is not None and since < before and row.paused_reason != NOT_CONFIGURED
        words = f"{where}: the oldest statement has waited since {_text(since)}"
        found.append(Condition(Trouble.LATE, subject, is_late, words))
    noticed = Notice.objects.order_by("pk").values_list("noticed_at", flat=True).first()
    words = f"the oldest notice has waited for a look since {_text(noticed)}; is a worker running?"
    found.append(Condition(Trouble.LATE, NOTICES, noticed is not None and noticed < before, words))
    return found


def paused(row: Destination) -> Condition:
    """Whether a destination is closed for a reason that a person has to mend."""
    is_on = row.paused_reason not in ("", NOT_CONFIGURED)
    where = f"site {row.site_id}, organization {row.organization or '-'}"
    words = f"{where}: nothing is sent ({row.paused_reason}): {row.last_error}"
    return Condition(Trouble.PAUSED, subject_of(row.pk), is_on, words)


def subject_of(destination_id: int) -> str:
    """How a destination is named in a row."""
    return f"destination:{destination_id}"


def _by_destination(state: State) -> dict[int, int]:
    rows = Statement.objects.filter(state=state).order_by().values_list("destination_id")
    return {pk: count for pk, count in rows.annotate(Count("pk"))}  # noqa: C416 - of a query set of rows


def _oldest() -> dict[int, datetime]:
    """When the first open statement of each destination was stored."""
    rows = Statement.objects.filter(state__in=OPEN_STATES).order_by().values_list("destination_id")
    firsts = [first for _, first in rows.annotate(Min("pk"))]
    return dict(Statement.objects.filter(pk__in=firsts).values_list("destination_id", "stored_at"))


def _patience() -> timedelta:
    try:
        return timedelta(seconds=config.alert_after())
    except PercipioConfigurationError as error:
        logger.warning("alert threshold unreadable problem=%s", error)
        return timedelta(hours=1)


def _text(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


# --- what was told ---------------------------------------------------------------------------------------------------


def note(found: Iterable[Condition]) -> None:
    """Remember what changed. What came and went before anybody was told needs no telling."""
    known = {(row.kind, row.subject): row for row in Alert.objects.all()}
    for one in found:
        row = known.get((one.trouble, one.subject))
        if row is None and one.is_on:
            row, _ = Alert.objects.get_or_create(
                kind=one.trouble, subject=one.subject, defaults={"changed_at": timezone.now()}
            )
        if row is not None and row.is_on != one.is_on:
            _change(row, one)


def _change(row: Alert, one: Condition) -> None:
    """One conditional UPDATE, so that of several workers one makes the change."""
    is_told = not one.is_on and not row.is_told
    words = one.words[:1000] if one.is_on else row.words
    changed = Alert.objects.filter(pk=row.pk, is_on=row.is_on).update(
        is_on=one.is_on, is_told=is_told, changed_at=timezone.now(), words=words
    )
    if changed:
        level = logging.ERROR if one.is_on else logging.INFO
        logger.log(level, "alert kind=%s subject=%s on=%s", one.trouble, one.subject, one.is_on)


def tell() -> None:
    """Mail what has not been told yet, in one mail."""
    mine = [row for row in Alert.objects.filter(is_told=False).order_by("pk") if _claim(row)]
    if mine and not _mailed(mine):
        for row in mine:
            # Unless it changed meanwhile: then whoever changed it decides.
            Alert.objects.filter(pk=row.pk, is_on=row.is_on).update(is_told=False)


def _claim(row: Alert) -> bool:
    return Alert.objects.filter(pk=row.pk, is_on=row.is_on, is_told=False).update(is_told=True) == 1


def _mailed(rows: Sequence[Alert]) -> bool:
    try:
        addresses = config.alert_emails()
    except PercipioConfigurationError as error:
        logger.warning("alert not mailed problem=%s", error)
        return True
    if not addresses:
        return True
    bad = sum(row.is_on for row in rows)
    lines = [f"{'OUT OF ORDER' if row.is_on else 'well again'}: {row.kind}: {row.words}" for row in rows]
    subject = f"[Percipio] {bad} out of order" if bad else "[Percipio] well again"
    body = "\n\n".join([config.lms_root(), *lines, "percipio_doctor and the overview in the admin say what to do."])
    return _sent(EmailMessage(subject, body, None, list(addresses)))


def _sent(mail: EmailMessage) -> bool:
    """Whether the mail left. Silently, since backends raise errors of their own: they then say that none was sent."""
    try:
        mail.connection = get_connection(fail_silently=True, timeout=MAIL_TIMEOUT)
        is_sent = mail.send() != 0
    except (smtplib.SMTPException, OSError):
        is_sent = False
    if not is_sent:
        logger.error("alert not mailed recipients=%s", len(mail.to))
    return is_sent
