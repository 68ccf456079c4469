"""Alert operators once when a problem begins and once when it is resolved.

The state is a row, so ten workers send one mail and a restart repeats none. A failed mail is retried in the next pass.
Mails use the LMS's language, logs English.
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
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from percipio_openedx import config
from percipio_openedx.delivery import breaker
from percipio_openedx.enums import ProblemCode, Severity
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.operations import Alert
from percipio_openedx.operations import problems, status
from percipio_openedx.operations.problems import Problem

logger = logging.getLogger(__name__)

# Seconds between checks, kept per process: a pass must not need a cache.
EVERY = 60.0
# Seconds that a mail server may take.
MAIL_TIMEOUT = 10
# Wait after a mail; whatever happens meanwhile, at any destination, goes into the next one.
GATHER = timedelta(minutes=5)
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
            note(errors(timezone.now(), broken))
        return tell()


def forget(**_: Any) -> None:
    """Forget when this process checked last, so that the next pass checks."""
    _checked.clear()


def connect() -> None:
    """Have the pass in which a destination pauses or recovers report it. Call once per process."""
    for signal in (breaker.destination_paused, breaker.destination_recovered):
        signal.connect(forget, dispatch_uid="percipio_openedx.alerts")


def errors(now: datetime, broken: Mapping[str, str] | None = None) -> list[Problem]:
    """Return the problems to report; ``broken`` as in ``check``, None for the steps already known."""
    found = [one for one in problems.find(status.take(now)) if one.severity is Severity.ERROR]
    if broken is None:
        return found
    steps = [problems.broken_step(step, why) for step, why in broken.items()]
    return [one for one in found if one.code is not ProblemCode.BROKEN] + steps


def note(found: Iterable[Problem]) -> None:
    """Record what began and what is resolved. What came and went unreported is dropped."""
    wrong = {(one.code.value, one.subject): one for one in found}
    known = {(row.kind, row.subject): row for row in Alert.objects.all()}
    for (kind, subject), one in wrong.items():
        row = known.get((kind, subject))
        if row is None:
            row = Alert.objects.get_or_create(kind=kind, subject=subject, defaults={"changed_at": timezone.now()})[0]
        if not row.is_on:
            where = f"{one.where}: " if one.where else ""
            # For a broken step only the sentence: it is read back (``problems.find``).
            text = one.sentence if one.code is ProblemCode.BROKEN else f"{where}{one.sentence} {one.fix}"
            _change(row, is_on=True, is_announced=False, message=text)
    for key, row in known.items():
        if row.is_on and key not in wrong:
            _change(row, is_on=False, is_announced=not row.is_announced)


def _change(row: Alert, *, is_on: bool, **values: Any) -> None:
    """Switch an alert by one conditional UPDATE, so that only one worker makes the change."""
    unchanged = Alert.objects.filter(pk=row.pk, is_on=row.is_on)
    if unchanged.update(is_on=is_on, changed_at=timezone.now(), **values):
        level = logging.ERROR if is_on else logging.INFO
        logger.log(level, "alert kind=%s subject=%s on=%s", row.kind, row.subject, is_on)


def tell() -> datetime | None:
    """Mail everything unreported in one mail; return when the rest may be sent, None if there is none."""
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
    last: datetime | None = Alert.objects.aggregate(at=Max("announced_at"))["at"]
    if last is not None and last <= now < last + GATHER:
        return last + GATHER
    # One UPDATE claims them for ``GATHER``, so that one worker sends. They count as reported only when the mail has
    # left; if the process ends in between, another retries. A mail may come twice, but none is lost.
    waiting.exclude(announced_at__gt=now - GATHER, announced_at__lte=now).update(announced_at=now)
    mine = list(waiting.filter(announced_at=now).order_by("pk"))
    if not mine:
        return None
    is_mailed = _mail(mine, addresses)
    for row in mine:
        # If it changed meanwhile, that change decides.
        ours = waiting.filter(pk=row.pk, is_on=row.is_on, announced_at=now)
        ours.update(**({"is_announced": True} if is_mailed else {"announced_at": None}))
    return None if is_mailed else now + timedelta(seconds=EVERY)


def _mail(rows: Sequence[Alert], addresses: Sequence[str]) -> bool:
    wrong = sum(row.is_on for row in rows)
    states = {True: _("PROBLEM"), False: _("resolved")}
    lines = [
        f"{states[row.is_on]} – {problems.TITLES.get(row.kind, row.kind)}\n{row.message}" for row in rows[:MOST_LINES]
    ]
    if len(rows) > MOST_LINES:
        lines.append(_("and %(count)s more: see the alerts in the admin.") % {"count": len(rows) - MOST_LINES})
    subject = ngettext("%(count)s problem", "%(count)s problems", wrong) % {"count": wrong} if wrong else _("resolved")
    end = _("percipio_doctor and the overview in the admin say what is wrong now.")
    mail = EmailMessage(f"[Percipio] {subject}", "\n\n".join([config.lms_root(), *lines, end]), None, list(addresses))
    try:
        # Backends raise their own errors; silenced, they report that none was sent.
        mail.connection = get_connection(fail_silently=True, timeout=MAIL_TIMEOUT)
        is_sent = mail.send() != 0
    except (smtplib.SMTPException, OSError):
        is_sent = False
    if not is_sent:
        logger.error("alert not mailed recipients=%s", len(addresses))
    return is_sent
