"""Circuit breaker: one row per destination, shared by all workers; also whether to trust plain answers.

A failure of the destination itself (see ``attribution``) opens the breaker: nobody sends until ``retry_at``. Then one
worker wins the probe and sends one statement; only its success closes the breaker. Every change is one conditional
UPDATE, so ten workers that fail together count as one.

A bare ``200 OK`` may come from a server that stored everything (Skillsoft's page shows no body) or from a proxy that
stored nothing. It is trusted at once for a Track record. For statements, which are idempotent, it is trusted once it
has stayed the same for a while, or once the retry is answered 409; that holds until the destination names what it
stored (decision record 0014).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q

from percipio_openedx.delivery.attribution import Attribution
from percipio_openedx.delivery.bodies import parsed
from percipio_openedx.delivery.outcomes import Answer, next_time
from percipio_openedx.enums import SWITCHED_OFF, Outcome, Pause
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import Statement
from percipio_openedx.redaction import fitted, message_of
from percipio_openedx.signals import destination_paused, destination_recovered

logger = logging.getLogger(__name__)

_REASONS = {
    Outcome.UNAUTHORIZED: Pause.UNAUTHORIZED,
    Outcome.NOT_FOUND: Pause.NOT_FOUND,
    Outcome.REFUSED: Pause.REFUSED,
}
# Why a destination is held by the LMS's own settings: undone as soon as they are right.
LOCAL = (Pause.CONFIGURATION, Pause.NOT_CONFIGURED, Pause.OWN_CREDENTIALS, Pause.ACCOUNT_OFF, Pause.NO_ACCOUNT)
# Seconds until a site with missing or invalid settings is checked again (nothing is sent, so it may be soon), and until
# the next probe after an inconclusive one.
RECONSIDER = 60.0
_PROBE_MARGIN = 30.0
# How long a plain answer must stay the same. With the backoff that is at least four more retries, which outlasts a
# proxy's restart. Where statements were accepted before, something in between is likelier, and an operator should
# check.
TRUSTED_AFTER = timedelta(minutes=10)
TRUSTED_AFTER_SUCCESS = timedelta(days=1)


def may_send(destination: Destination, now: datetime, longest_request: float) -> bool:
    """Return whether the breaker is closed, or this worker has just won the probe.

    After ``longest_request`` seconds another worker may probe.
    """
    if destination.retry_at is not None and destination.retry_at > now:
        return False
    if not destination.failures:
        return True
    free = Q(probe_until__isnull=True) | Q(probe_until__lt=now)
    until = now + timedelta(seconds=longest_request + _PROBE_MARGIN)
    won = Destination.objects.filter(free, pk=destination.pk, failures=destination.failures)
    return won.update(probe_until=until) == 1


def failed(destination: Destination, answer: Answer, now: datetime, outcome: Outcome | None = None) -> None:
    """Store a failure of the destination and the time of its next retry.

    Only the first since the destination was read counts; a later one adopts its retry time. ``answer`` is the last
    failed one; ``outcome`` overrides its outcome.
    """
    outcome = outcome or answer.outcome
    failures = destination.failures + 1
    retry_at = next_time(now, failures, outcome, answer.retry_after)
    # An outage while credentials are refused does not change the reason.
    reason = _REASONS.get(outcome, destination.paused_reason)
    is_new = bool(reason) and destination.paused_reason != reason
    stored = _update(
        destination,
        failures=failures,
        retry_at=retry_at,
        paused_reason=reason,
        failing_since=destination.failing_since or now,
        last_error=answer.message,
        probe_until=None,
        lone_failures=0,
    )
    if stored:
        logger.log(
            logging.ERROR if is_new else logging.WARNING,
            "destination waits destination=%s site=%s outcome=%s status=%s failures=%s retry_at=%s",
            *(destination.pk, destination.site_id, outcome, answer.status, failures, retry_at.isoformat()),
        )
    if stored and is_new:
        _report_paused(destination)


def hold(destination: Destination, reason: str, message: str, now: datetime) -> None:
    """Hold a destination because of local settings: no request failed, so no probe is needed afterwards."""
    is_new = destination.paused_reason != reason and _turn(destination, reason)
    destination.retry_at = now + timedelta(seconds=RECONSIDER)
    destination.paused_reason = reason
    destination.last_error = message
    destination.save(update_fields=["retry_at", "paused_reason", "last_error"])
    if not is_new:
        return
    is_mistake = reason not in SWITCHED_OFF
    level = logging.ERROR if is_mistake else logging.INFO
    logger.log(level, "destination held destination=%s site=%s reason=%s", destination.pk, destination.site_id, reason)
    if is_mistake:
        _report_paused(destination)


def resume(destination: Destination) -> None:
    """Undo ``hold``: the settings are valid. Whether the address is allowed shows on acceptance (``succeeded``)."""
    reason = destination.paused_reason
    if reason in LOCAL:
        is_first = _turn(destination, "")
        destination.paused_reason, destination.last_error = "", ""
        destination.save(update_fields=["paused_reason", "last_error"])
        if is_first and reason not in SWITCHED_OFF:
            _report_recovered(destination)


def leave(destination: Destination) -> None:
    """Release a probe that was not made, so that the next worker need not wait for its end."""
    _update(destination, probe_until=None)


def count(destination: Destination, at: datetime | None) -> int:
    """Count an acceptance at that time, if any; return the destination's successes so far."""
    rows = Destination.objects.filter(pk=destination.pk)
    if at is not None:
        rows.update(last_success_at=at, successes=F("successes") + 1)
    return int(rows.values_list("successes", flat=True).get())


def succeeded(destination: Destination, at: datetime | None = None, *, is_counted: bool = False) -> None:
    """Close the breaker: the destination accepted something, or answers about statements again.

    ``at`` is the time of the acceptance, None without one; ``is_counted``: ``count`` has counted it.
    """
    was_failing, reason = destination.failures > 0, destination.paused_reason
    more: dict[str, Any] = {} if at is None else {"last_success_at": at}
    if at is not None and not is_counted:
        more["successes"] = F("successes") + 1
    is_first = bool(reason) and _turn(destination, "")
    closed = _update(
        destination,
        failures=0,
        retry_at=None,
        paused_reason="",
        failing_since=None,
        last_error="",
        probe_until=None,
        lone_failures=0,
        **more,
    )
    if closed and (was_failing or reason):
        logger.info("destination recovered destination=%s site=%s", destination.pk, destination.site_id)
    if closed and is_first:
        _report_recovered(destination)


def attribution_of(destination: Destination) -> Attribution:
    """Return the attribution of a session that begins now."""
    return Attribution(
        is_failing=destination.failures > 0,
        refuses_all=destination.paused_reason == Pause.REFUSED,
        successes=destination.successes,
        lone_failures=destination.lone_failures,
    )


def conclude(
    destination: Destination,
    attribution: Attribution,
    now: datetime,
    accepted_at: datetime | None,
    *,
    answers: bool,
    is_counted: bool = False,
) -> None:
    """Store how a session ended that did not open the breaker.

    Arguments:
        accepted_at: the time of its last acceptance, None without one; ``is_counted`` as in ``succeeded``.
        answers: something was refused for itself.
    """
    if accepted_at is not None:
        succeeded(destination, accepted_at, is_counted=is_counted)
    elif attribution.lone_failures != destination.lone_failures:
        # Too few to open the breaker.
        _update(destination, lone_failures=attribution.lone_failures)
    elif destination.failures and answers:
        # It answers about statements again, even if it refuses them: its other problems are fixed.
        succeeded(destination)
    elif attribution.is_inconclusive:
        # Retried soon, without backoff.
        _update(destination, retry_at=now + timedelta(seconds=RECONSIDER), probe_until=None)
    elif destination.failures:
        leave(destination)


def try_now(destination: Destination, now: datetime) -> None:
    """Allow the next request at once, for an operator; it is a probe if the last one failed."""
    Destination.objects.filter(pk=destination.pk).update(retry_at=now, probe_until=None)


def limit_batches(destination: Destination, limit: int | None) -> None:
    """Store the most statements per request; None for the settings' limit."""
    if destination.batch_limit != limit:
        destination.batch_limit = limit
        destination.save(update_fields=["batch_limit"])


def believes(destination: Destination, answer: Answer, now: datetime) -> bool:
    """Return whether a plain answer of this destination counts as success now."""
    since = destination.plain_answer_since
    if answer.outcome is not Outcome.PLAIN or since is None or destination.plain_answer != _manner_of(answer):
        return False
    after = TRUSTED_AFTER if destination.last_success_at is None else TRUSTED_AFTER_SUCCESS
    return destination.plain_answer_trusted_at is not None or now - since >= after


def learn(destination: Destination, answer: Answer, pks: Sequence[int], now: datetime) -> None:
    """Remember what the answer to a request with these statements says of the destination's plain answers."""
    is_open = bool(destination.plain_answer) and destination.plain_answer_trusted_at is None
    if answer.outcome is Outcome.PLAIN and destination.plain_answer != _manner_of(answer):
        _remember(destination, plain_answer=_manner_of(answer), plain_answer_since=now, plain_answer_trusted_at=None)
    elif answer.outcome is Outcome.ACCEPTED and answer.body and destination.plain_answer:
        _remember(destination, plain_answer="", plain_answer_since=None, plain_answer_trusted_at=None)
    elif is_open and (believes(destination, answer, now) or _is_known_there(answer, pks)):
        _remember(destination, plain_answer_trusted_at=now)
        logger.info("plain answers believed destination=%s site=%s", destination.pk, destination.site_id)


def _is_known_there(answer: Answer, pks: Sequence[int]) -> bool:
    """Return whether a statement last answered with a plain success turns out to be stored (409)."""
    is_known = answer.outcome is Outcome.CONFLICT and len(pks) == 1
    return is_known and Statement.objects.filter(pk=pks[0], status__in=(200, 201)).exists()


def _manner_of(answer: Answer) -> str:
    """Return the text that identifies a plain answer; for an object its names, since values change."""
    said = parsed(answer.body)
    if isinstance(said, dict):
        message = "{" + ", ".join(sorted(said)) + "}"
    else:
        message = message_of(answer.body, personal=answer.personal) or "no words"
    return fitted(f"{answer.status}: {message}", 255)


def _remember(destination: Destination, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(destination, name, value)
    destination.save(update_fields=list(fields))


def _update(destination: Destination, **fields: Any) -> bool:
    rows = Destination.objects.filter(pk=destination.pk, failures=destination.failures)
    is_stored = rows.update(**fields) == 1
    destination.refresh_from_db()
    return is_stored


def _turn(destination: Destination, reason: str) -> bool:
    """Store why a destination is paused; whether nobody else has changed that since it was read, so that one tells."""
    same = {"pk": destination.pk, "failures": destination.failures, "paused_reason": destination.paused_reason}
    return Destination.objects.filter(**same).update(paused_reason=reason) == 1


def _report_paused(destination: Destination) -> None:
    said = {"reason": destination.paused_reason, "message": destination.last_error}
    destination_paused.send_robust(Destination, **_identity(destination), **said)


def _report_recovered(destination: Destination) -> None:
    destination_recovered.send_robust(Destination, **_identity(destination))


def _identity(destination: Destination) -> dict[str, Any]:
    names = ("site_id", "account", "organization")
    return {"destination_id": destination.pk, **{name: getattr(destination, name) for name in names}}
