"""Being told: once when something is out of order, and once more when it is well again.

The state is a row, so that ten workers tell once, and a restart tells nothing twice. A mail that could not be sent is
tried again with the next pass. Mails are in the LMS's own language, logs in English.
"""

from __future__ import annotations

import hashlib
import logging
import os
import smtplib
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.mail import EmailMessage, get_connection
from django.db.models import Count, Max, Min
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.codes import Pause, Trouble
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.alert import Alert
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.observation_failure import ObservationFailure, Part
from percipio_openedx.models.statement import State, Statement, StatementQuerySet
from percipio_openedx.operations.troubles import PAUSES, STEPS, TROUBLES
from percipio_openedx.reporting import failures

logger = logging.getLogger(__name__)

# Seconds between two looks at the rows. Kept by each process for itself: a pass must not need a cache.
EVERY = 60.0
# Seconds that a mail server may take.
MAIL_TIMEOUT = 10
# After a mail the next one waits for so long: what happens meanwhile, at however many destinations, is told in one.
GATHER = timedelta(minutes=5)
# Things that one mail names, when a course store is away and no course can be read, say.
MOST_LINES = 50


_checked: dict[int, float] = {}


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing as it is now. ``subject`` names it in a row, ``words`` for people."""

    trouble: Trouble
    subject: str
    is_on: bool
    words: str = ""


NOTICES = "notices"


def check(*, at_once: bool = False, broken: Mapping[str, str] | None = None) -> datetime | None:
    """Compare how things are with what was told, and tell what changed.

    Arguments:
        at_once: whatever was checked lately; else at most once a minute and process, since it counts rows.
        broken: the steps of this pass that broke, by name with the reason; None if there was no pass.

    Returns:
        When there will be something to tell, None if there is not.
    """
    now = time.monotonic()
    with translation.override(config.default_language()):
        if at_once or now - _checked.get(os.getpid(), -EVERY) >= EVERY:
            forget()
            _checked[os.getpid()] = now
            note([*conditions(timezone.now()), *([] if broken is None else steps(broken))])
        return tell()


def changed(row: Destination) -> None:
    """Note that a destination has paused, or goes on. The end of the pass tells it, together with all others."""
    with translation.override(config.default_language()):
        note([paused(row)])


def forget() -> None:
    """Forget when this process checked last."""
    _checked.clear()


def open_alerts() -> Sequence[Alert]:
    """What is out of order now, the oldest first."""
    return list(Alert.objects.filter(is_on=True).order_by("changed_at", "pk"))


# --- how things are --------------------------------------------------------------------------------------------------


def conditions(now: datetime) -> list[Condition]:
    """Every destination's three conditions, those of the notices and of the course runs that cannot be read.

    A number of queries that does not grow.
    """
    before = now - _patience()
    destinations = list(Destination.objects.order_by("pk"))
    # Theirs, which is all there are: said so that the queue's index answers alone.
    theirs = Statement.objects.filter(destination__in=destinations).order_by()
    parked = _by_destination(theirs.filter(state=State.PARKED))
    oldest = _oldest(theirs.open())
    found = []
    for row in destinations:
        subject = subject_of(row.pk)
        found.append(paused(row))
        count = parked.get(row.pk, 0)
        words = refusing(count)
        found.append(Condition(Trouble.PARKED, subject, count > 0, _at(row, words)))
        since = oldest.get(row.pk)
        is_late = since is not None and since < before and row.paused_reason != Pause.NOT_CONFIGURED
        words = _("Since %(at)s the oldest statement has been waiting.") % {"at": _text(since)}
        found.append(Condition(Trouble.LATE, subject, is_late, _at(row, words)))
    noticed = failures.oldest_notice(now)
    words = _("Since %(at)s the oldest notice has been waiting for a look. Does a worker run?") % {"at": _text(noticed)}
    found.append(Condition(Trouble.LATE, NOTICES, noticed is not None and noticed < before, words))
    return [*found, *unreadable()]


def unreadable() -> list[Condition]:
    """Every course run that cannot be observed as a whole, or that could not be when it was told.

    Not after one failure alone: that is most often the moment's, and over with the next pass.
    """
    found = {}
    for row in ObservationFailure.objects.of_courses().filter(failures__gte=2).order_by("pk"):
        subject = f"course:{hashlib.sha256(f'{row.course_key}|{row.part}'.encode()).hexdigest()[:32]}"
        text = (
            _("Since %(at)s the LMS cannot say how far learners are in %(course)s (%(reason)s). The rest is reported.")
            if row.part == Part.PROGRESS
            else _("Since %(at)s the LMS cannot read %(course)s (%(reason)s). Its reports wait; all others leave.")
        )
        named = {"at": _text(row.failing_since), "course": row.course_key, "reason": row.reason}
        found[subject] = Condition(Trouble.UNREADABLE, subject, True, text % named)
    told = Alert.objects.filter(kind=Trouble.UNREADABLE, is_on=True).values_list("subject", flat=True)
    over = [Condition(Trouble.UNREADABLE, subject, False) for subject in told if subject not in found]
    return [*found.values(), *over]


def steps(broken: Mapping[str, str]) -> list[Condition]:
    """The steps of a pass that broke, and those that broke when it was told and do no more."""
    text = _("A step of the worker breaks, %(step)s: %(reason)s. Its log says more. The other steps are done.")
    found = [
        Condition(Trouble.BROKEN, step, True, text % {"step": STEPS.get(step, step), "reason": why})
        for step, why in broken.items()
    ]
    told = Alert.objects.filter(kind=Trouble.BROKEN, is_on=True).values_list("subject", flat=True)
    return found + [Condition(Trouble.BROKEN, subject, False) for subject in told if subject not in broken]


def paused(row: Destination) -> Condition:
    """Whether a destination is closed for a reason that a person has to mend."""
    is_on = row.paused_reason not in ("", Pause.NOT_CONFIGURED)
    why = PAUSES.get(row.paused_reason, row.paused_reason)
    words = _("Nothing is sent. %(why)s") % {"why": why}
    return Condition(Trouble.PAUSED, subject_of(row.pk), is_on, _at(row, f"{words} ({row.last_error})"))


def refusing(count: int) -> str:
    """That so many statements are parked, in the language in force."""
    text = ngettext(
        "Percipio refuses %(count)s statement; it is parked.",
        "Percipio refuses %(count)s statements; they are parked.",
        count,
    )
    return text % {"count": count}


def _at(row: Destination, words: str) -> str:
    """These words about a destination."""
    place = {"site": row.site_id, "organization": row.organization or "–"}
    return _("Site %(site)s, organization %(organization)s:") % place + f" {words}"


def subject_of(destination_id: int) -> str:
    """How a destination is named in a row."""
    return f"destination:{destination_id}"


def _by_destination(rows: StatementQuerySet) -> dict[int, int]:
    return dict(rows.values_list("destination_id").annotate(Count("pk")))


def _oldest(rows: StatementQuerySet) -> dict[int, datetime]:
    """When the first of these statements of each destination was stored."""
    firsts = [first for _pk, first in rows.values_list("destination_id").annotate(Min("pk"))]
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
            named = {"kind": one.trouble, "subject": one.subject}
            row = Alert.objects.get_or_create(**named, defaults={"changed_at": timezone.now()})[0]
        if row is not None and row.is_on != one.is_on:
            _change(row, one)


def _change(row: Alert, one: Condition) -> None:
    """One conditional UPDATE, so that of several workers one makes the change."""
    is_told = not one.is_on and not row.is_told
    words = one.words if one.is_on else row.words
    changed = Alert.objects.filter(pk=row.pk, is_on=row.is_on).update(
        is_on=one.is_on, is_told=is_told, changed_at=timezone.now(), words=words
    )
    if changed:
        level = logging.ERROR if one.is_on else logging.INFO
        logger.log(level, "alert kind=%s subject=%s on=%s", one.trouble, one.subject, one.is_on)


def tell() -> datetime | None:
    """Mail what has not been told yet, in one mail; when the rest may be told, None if there is none."""
    waiting = Alert.objects.filter(is_told=False)
    if not waiting.exists():
        return None
    addresses = _addresses()
    if not addresses:
        waiting.update(is_told=True)
        return None
    now = timezone.now()
    last: datetime | None = Alert.objects.aggregate(at=Max("told_at"))["at"]
    if last is not None and last <= now < last + GATHER:
        return last + GATHER
    mine = [row for row in waiting.order_by("pk") if _claim(row, now)]
    if not mine:
        return None
    is_mailed = _mailed(mine, addresses)
    for row in mine:
        # Unless it changed meanwhile: then whoever changed it decides.
        ours = Alert.objects.filter(pk=row.pk, is_on=row.is_on, is_told=False, told_at=now)
        ours.update(**({"is_told": True} if is_mailed else {"told_at": row.told_at}))
    return None if is_mailed else now + timedelta(seconds=EVERY)


def _claim(row: Alert, now: datetime) -> bool:
    """Have it to oneself for ``GATHER``.

    It is told only when the mail has left: where a process ends in between, another one tells it. So a mail may come
    twice, and none is lost.
    """
    untold = Alert.objects.filter(pk=row.pk, is_on=row.is_on, is_told=False, told_at=row.told_at)
    return untold.update(told_at=now) == 1


def _addresses() -> Sequence[str]:
    try:
        return config.alert_emails()
    except PercipioConfigurationError as error:
        logger.warning("alert not mailed problem=%s", error)
        return ()


def _mailed(rows: Sequence[Alert], addresses: Sequence[str]) -> bool:
    bad = sum(row.is_on for row in rows)
    lines = [
        f"{_('OUT OF ORDER') if row.is_on else _('well again')} – {_kind(row)}\n{row.words}"
        for row in rows[:MOST_LINES]
    ]
    if len(rows) > MOST_LINES:
        lines.append(_("and %(count)s more: see the alerts in the admin.") % {"count": len(rows) - MOST_LINES})
    subject = _("%(count)s out of order") % {"count": bad} if bad else _("well again")
    end = _("percipio_doctor and the overview in the admin say what to do.")
    body = "\n\n".join([config.lms_root(), *lines, end])
    return _sent(EmailMessage(f"[Percipio] {subject}", body, None, list(addresses)))


def _kind(row: Alert) -> str:
    return str(TROUBLES.get(row.kind, row.kind))


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
