"""Alert operators once when a problem begins, again when it is ten times as large, and once when it is resolved.

The state is a row, so ten workers send one mail and a restart repeats none. A failed mail is retried in the next pass.
A mail counts what is true when it leaves. Mails use the LMS's language, logs English.
"""

from __future__ import annotations

import logging
import os
import smtplib
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.mail import EmailMessage, get_connection
from django.db.models import Max
from django.utils import timezone, translation
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config, signals
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.operations import Alert
from percipio_openedx.operations import problems, status
from percipio_openedx.operations.problem_kinds import TITLES, ProblemCode, Severity
from percipio_openedx.operations.problems import Problem

logger = logging.getLogger(__name__)

# Seconds between checks, kept per process: a pass must not need a cache.
EVERY = 60.0
# Seconds that a mail server may take.
MAIL_TIMEOUT = 10
# Wait after a mail; whatever happens meanwhile, at any destination, goes into the next one.
GATHER = timedelta(minutes=5)
# Growth of the number in a problem's sentence after which it is told again.
TENFOLD = 10
# Problems named in one mail, for example while a course store is down.
MOST_LINES = 50

_checked: dict[int, float] = {}


def check(*, at_once: bool = False, broken: Mapping[str, str] | None = None) -> datetime | None:
    """Compare the current problems with the reported ones, and report the changes.

    Without ``at_once`` at most once a minute per process, since it counts rows. ``broken`` holds the steps of this pass
    that broke, with the reason; None without a pass. Returns when there will be something to report, None if there is
    not.
    """
    now = time.monotonic()
    with translation.override(config.default_language()):
        if at_once or now - _checked.get(os.getpid(), -EVERY) >= EVERY:
            forget()
            _checked[os.getpid()] = now
            found = errors(timezone.now(), broken)
            note(found)
            return tell(found)
        return tell(broken=broken)


def forget(**_: Any) -> None:
    """Forget when this process checked last, so that the next pass checks."""
    _checked.clear()


def connect() -> None:
    """Have the pass in which a destination pauses or recovers report it. Call once per process."""
    for signal in (signals.destination_paused, signals.destination_recovered):
        signal.connect(forget, dispatch_uid="percipio_openedx.alerts")


def errors(now: datetime, broken: Mapping[str, str] | None = None) -> list[Problem]:
    """Return the problems to report; ``broken`` as in ``check``, None for the steps already known."""
    found = [one for one in problems.find(status.take(now)) if one.severity is Severity.ERROR]
    if broken is None:
        return found
    steps = [problems.broken_step(step, why) for step, why in broken.items()]
    return [one for one in found if one.code is not ProblemCode.BROKEN] + steps


def note(found: Iterable[Problem]) -> None:
    """Record what began, what has grown, and what is resolved. What came and went unreported is dropped."""
    wrong = by_key(found)
    known = {(row.kind, row.subject): row for row in Alert.objects.all()}
    for (kind, subject), one in wrong.items():
        row = known.get((kind, subject))
        if row is None:
            row = Alert.objects.get_or_create(kind=kind, subject=subject, defaults={"changed_at": timezone.now()})[0]
        if not row.is_on:
            began_at = one.since or timezone.now()
            _change(row, is_on=True, is_announced=False, message=_text(one), began_at=began_at, announced_count=None)
        elif row.is_announced and has_grown(row, one):
            Alert.objects.filter(pk=row.pk, is_on=True, is_announced=True).update(is_announced=False)
    for key, row in known.items():
        if row.is_on and key not in wrong:
            # Known to operators also while a mail about its growth waits.
            is_told = row.is_announced or (row.announced_at is not None and row.announced_at >= row.changed_at)
            _change(row, is_on=False, is_announced=not is_told)


def by_key(found: Iterable[Problem]) -> dict[tuple[str, str], Problem]:
    return {(one.code.value, one.subject): one for one in found}


def has_grown(row: Alert, one: Problem) -> bool:
    """Return whether a problem is ten times as large as operators were told."""
    if row.announced_count is None or one.count is None:
        return False
    return one.count >= TENFOLD * max(1, row.announced_count)


def _text(one: Problem) -> str:
    # For a broken step only the sentence: it is read back (``problems.find``).
    return f"{one.where}: {one.sentence}" if one.where else one.sentence


def _change(row: Alert, *, is_on: bool, **values: Any) -> None:
    """Switch an alert by one conditional UPDATE, so that only one worker makes the change."""
    unchanged = Alert.objects.filter(pk=row.pk, is_on=row.is_on)
    if unchanged.update(is_on=is_on, changed_at=timezone.now(), **values):
        level = logging.ERROR if is_on else logging.INFO
        logger.log(level, "alert kind=%s subject=%s on=%s", row.kind, row.subject, is_on)


def tell(found: Sequence[Problem] | None = None, broken: Mapping[str, str] | None = None) -> datetime | None:
    """Mail everything unreported in one mail; return when the rest may be sent, None if there is none.

    ``found`` are the current problems; None to find them before a mail leaves.
    """
    waiting = Alert.objects.filter(is_announced=False)
    if not waiting.exists():
        return None
    addresses: Sequence[str] = ()
    try:
        addresses = config.alert_emails()
    except PercipioConfigurationError as error:
        logger.warning("alert not mailed problem=%s", error)
    if not addresses:
        waiting.update(is_announced=True)
        return None
    now = timezone.now()
    newest = Alert.objects.aggregate(mailed=Max("announced_at"), mailing=Max("mailing_since"))
    last: datetime | None = max((at for at in newest.values() if at is not None and at <= now), default=None)
    if last is not None and now < last + GATHER:
        return last + GATHER
    if found is None:
        found = errors(now, broken)
        note(found)
    # One UPDATE claims them for ``GATHER``, so that one worker sends. They count as reported only when the mail has
    # left; if the process ends in between, another retries. A mail may come twice, but none is lost.
    waiting.exclude(mailing_since__gt=now - GATHER, mailing_since__lte=now).update(mailing_since=now)
    mine = list(waiting.filter(mailing_since=now).order_by("pk"))
    if not mine:
        return None
    current = by_key(found)
    is_mailed = _mail(mine, current, addresses)
    for row in mine:
        _settle(row, current.get((row.kind, row.subject)), now, is_mailed=is_mailed)
    return None if is_mailed else now + timedelta(seconds=EVERY)


def _settle(row: Alert, one: Problem | None, now: datetime, *, is_mailed: bool) -> None:
    """Note that an alert was mailed, or may be tried again; if it changed meanwhile, that change decides."""
    ours = Alert.objects.filter(pk=row.pk, mailing_since=now)
    if is_mailed:
        said = {"announced_count": one.count, "message": _text(one)} if one is not None and row.is_on else {}
        ours.filter(is_on=row.is_on, is_announced=False).update(
            is_announced=True, announced_at=now, mailing_since=None, **said
        )
        # Resolved while the mail was on its way: now operators have to be told that.
        ours.filter(is_on=False, is_announced=True).update(is_announced=False, announced_at=now)
    ours.update(mailing_since=None)


def _mail(rows: Sequence[Alert], current: Mapping[tuple[str, str], Problem], addresses: Sequence[str]) -> bool:
    wrong = sum(row.is_on for row in rows)
    parts = [_part(row, current.get((row.kind, row.subject))) for row in rows[:MOST_LINES]]
    if len(rows) > MOST_LINES:
        parts.append(_("and %(count)s more: see the alerts in the admin.") % {"count": len(rows) - MOST_LINES})
    subject = ngettext("%(count)s problem", "%(count)s problems", wrong) % {"count": wrong} if wrong else _("resolved")
    end = _("percipio_doctor and the overview in the admin say what is wrong now.")
    parts.append("\n".join(filter(None, (end, _address(problems.page_of("", ""))))))
    mail = EmailMessage(f"[Percipio] {subject}", "\n\n".join([config.lms_root(), *parts]), None, list(addresses))
    try:
        # Backends raise their own errors; silenced, they report that none was sent.
        mail.connection = get_connection(fail_silently=True, timeout=MAIL_TIMEOUT)
        is_sent = mail.send() != 0
    except (smtplib.SMTPException, OSError):
        is_sent = False
    if not is_sent:
        logger.error("alert not mailed recipients=%s", len(addresses))
    return is_sent


def _part(row: Alert, one: Problem | None) -> str:
    """Return the lines of a mail about one alert; ``one`` is the problem as it is now, None if it is over."""
    title = TITLES.get(row.kind, row.kind)
    began_at = row.began_at or row.changed_at
    if not row.is_on:
        times = {
            "began": problems.at(began_at),
            "ended": problems.at(row.changed_at),
            "duration": timesince(began_at, row.changed_at).replace("\xa0", " "),
        }
        lasted = _("From %(began)s to %(ended)s: %(duration)s.") % times
        state = _("resolved")
        return "\n".join((f"{state} – {title}", row.message, lasted))
    state = _("PROBLEM")
    lines = [f"{state} – {title}", row.message]
    if one is not None:
        lines[1] = f"{_text(one)} {one.fix}"
        if has_grown(row, one):
            state = _("PROBLEM, ten times as large")
            lines[0] = f"{state} – {title}"
            text = _("The last mail said %(before)s; now it is %(count)s.")
            lines.append(text % {"before": row.announced_count, "count": one.count})
        if one.since is None:
            lines.append(_("Noticed at %(at)s.") % {"at": problems.at(began_at)})
        lines.append(_address(problems.page_of(row.kind, row.subject, one.site_id)))
    return "\n".join(filter(None, lines))


def _address(path: str) -> str:
    """Return the whole address of a page, for a mail; ``''`` where the LMS's own is not known."""
    root = config.lms_root()
    return root + path if root and path else ""
