"""How a destination fares: a circuit breaker of one row, shared by all workers.

A failure that is the destination's own (``attribution`` says which are) closes the way for everybody until
``retry_at``. Then one worker wins the probe, sends one statement, and only its success opens the way. Every change is
one conditional UPDATE, so that ten workers that fail together count as one.
"""

from __future__ import annotations

import logging
import random
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q

from percipio_openedx.delivery import signals
from percipio_openedx.delivery.attribution import Standing
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.delivery.retry import next_time
from percipio_openedx.enums import Outcome, Pause
from percipio_openedx.models.destination import Destination

logger = logging.getLogger(__name__)

_REASONS = {
    Outcome.UNAUTHORIZED: Pause.UNAUTHORIZED,
    Outcome.NOT_FOUND: Pause.NOT_FOUND,
    Outcome.REFUSED: Pause.REFUSED,
}
# Seconds until a site whose settings are missing or wrong is looked at again (nothing is sent, so it may be soon), and
# until the next probe where one told nothing.
RECONSIDER = 60.0
_PROBE_MARGIN = 30.0


def may_send(destination: Destination, now: datetime, longest_request: float) -> bool:
    """Whether this worker may send there now: the way is open, or it has just won the probe.

    Arguments:
        destination: as read at the start of the turn.
        now: the present.
        longest_request: seconds that the probe may take; if its worker dies, another one may probe after that.
    """
    if destination.retry_at is not None and destination.retry_at > now:
        return False
    if not is_failing(destination):
        return True
    free = Q(probe_until__isnull=True) | Q(probe_until__lt=now)
    until = now + timedelta(seconds=longest_request + _PROBE_MARGIN)
    won = Destination.objects.filter(free, pk=destination.pk, failures=destination.failures)
    return won.update(probe_until=until) == 1


def is_failing(destination: Destination) -> bool:
    """Whether the last request failed, so that the next one is a probe."""
    return destination.failures > 0


def standing(destination: Destination) -> Standing:
    """How it stands at the beginning of a turn."""
    return Standing(
        is_failing=is_failing(destination),
        refuses_all=destination.paused_reason == Pause.REFUSED,
        successes=destination.successes,
        lone_failures=destination.lone_failures,
    )


def failed(
    destination: Destination,
    answer: Answer,
    now: datetime,
    outcome: Outcome | None = None,
) -> None:
    """Store a failure of the destination, and when it is to be tried again.

    Only the first failure since the destination was read counts; whoever comes second takes the time that the first
    one set.

    Arguments:
        answer: the last one that failed.
        outcome: what that means, where it is not the outcome of the whole answer.
    """
    outcome = outcome or answer.outcome
    failures = destination.failures + 1
    retry_at = next_time(now, failures, outcome, answer.retry_after, random.uniform)
    # While the credentials are refused an outage in between changes nothing about that.
    reason = _REASONS.get(outcome, destination.paused_reason)
    stored = Destination.objects.filter(pk=destination.pk, failures=destination.failures).update(
        failures=failures,
        retry_at=retry_at,
        paused_reason=reason,
        failing_since=destination.failing_since or now,
        last_error=answer.words,
        probe_until=None,
        lone_failures=0,
    )
    newly = destination.paused_reason != reason
    destination.refresh_from_db()
    if not stored:
        return
    logger.log(
        logging.ERROR if reason and newly else logging.WARNING,
        "destination waits destination=%s site=%s outcome=%s status=%s failures=%s retry_at=%s",
        *(destination.pk, destination.site_id, outcome, answer.status, failures, retry_at.isoformat()),
    )
    if reason and newly:
        _tell_paused(destination)


def hold(destination: Destination, reason: str, words: str, now: datetime) -> None:
    """Let a destination wait because of this side's settings: no request failed, so no probe is needed afterwards."""
    newly = destination.paused_reason != reason
    destination.retry_at = now + timedelta(seconds=RECONSIDER)
    destination.paused_reason = reason
    destination.last_error = words
    destination.save(update_fields=["retry_at", "paused_reason", "last_error"])
    if newly:
        is_mistake = reason != Pause.NOT_CONFIGURED
        level = logging.ERROR if is_mistake else logging.INFO
        logger.log(
            level, "destination held destination=%s site=%s reason=%s", destination.pk, destination.site_id, reason
        )
        if is_mistake:
            _tell_paused(destination)


def put_off(destination: Destination, now: datetime) -> None:
    """Store that a probe told nothing: the next one is made soon, and not later each time."""
    retry_at = now + timedelta(seconds=RECONSIDER)
    Destination.objects.filter(pk=destination.pk, failures=destination.failures).update(
        retry_at=retry_at, probe_until=None
    )
    destination.refresh_from_db()


def failed_alone(destination: Destination, lone_failures: int) -> None:
    """Store how many statements in a row failed alone; too few to close the way."""
    Destination.objects.filter(pk=destination.pk, failures=destination.failures).update(lone_failures=lone_failures)
    destination.refresh_from_db()


def count(destination: Destination, at: datetime | None) -> int:
    """Count that something was accepted at that time, if any; the successes of the destination up to now."""
    rows = Destination.objects.filter(pk=destination.pk)
    if at is not None:
        rows.update(**_accepted(at))
    return int(rows.values_list("successes", flat=True).get())


def succeeded(destination: Destination, at: datetime, *, is_counted: bool = False) -> None:
    """Store that the destination took something at that time; opens the way for all where it was closed.

    Arguments:
        is_counted: ``count`` did the rest.
    """
    _open(destination, **({"last_success_at": at} if is_counted else _accepted(at)))


def revived(destination: Destination) -> None:
    """The destination speaks of statements again, though it takes none: whatever else was wrong with it is mended."""
    _open(destination)


def _accepted(at: datetime) -> dict[str, Any]:
    return {"last_success_at": at, "successes": F("successes") + 1}


def _open(destination: Destination, **more: Any) -> None:
    was_failing, reason = is_failing(destination), destination.paused_reason
    opened = Destination.objects.filter(pk=destination.pk, failures=destination.failures).update(
        failures=0,
        retry_at=None,
        paused_reason="",
        failing_since=None,
        last_error="",
        probe_until=None,
        lone_failures=0,
        **more,
    )
    destination.refresh_from_db()
    if opened and (was_failing or reason):
        logger.info("destination well again destination=%s site=%s", destination.pk, destination.site_id)
    if opened and reason:
        _tell_recovered(destination)


def resume(destination: Destination) -> None:
    """The settings are well again: what ``hold`` set is taken back.

    Whether a host stands at an address that may be reached is known only when something arrived (``succeeded``).
    """
    reason = destination.paused_reason
    if reason in (Pause.CONFIGURATION, Pause.NOT_CONFIGURED, Pause.OWN_CREDENTIALS):
        destination.paused_reason, destination.last_error = "", ""
        destination.save(update_fields=["paused_reason", "last_error"])
        if reason != Pause.NOT_CONFIGURED:
            _tell_recovered(destination)


def leave(destination: Destination) -> None:
    """Give a probe back that was not made, so that the next worker need not wait for its end."""
    Destination.objects.filter(pk=destination.pk, failures=destination.failures).update(probe_until=None)


def try_now(destination: Destination, now: datetime) -> None:
    """An operator does not want to wait: the next request is made at once. A probe, if the last one failed."""
    Destination.objects.filter(pk=destination.pk).update(retry_at=now, probe_until=None)


def limit_batches(destination: Destination, limit: int | None) -> None:
    """Store how many statements a request may hold at most; None for as many as the settings say."""
    if destination.batch_limit != limit:
        destination.batch_limit = limit
        destination.save(update_fields=["batch_limit"])


def _tell_paused(destination: Destination) -> None:
    signals.destination_paused.send_robust(
        Destination,
        destination_id=destination.pk,
        site_id=destination.site_id,
        organization=destination.organization,
        reason=destination.paused_reason,
        words=destination.last_error,
    )


def _tell_recovered(destination: Destination) -> None:
    signals.destination_recovered.send_robust(
        Destination,
        destination_id=destination.pk,
        site_id=destination.site_id,
        organization=destination.organization,
    )
