"""Whether an address may say that all is well without naming what it stored.

``200 OK`` and nothing else is what a server may answer that stored everything (Skillsoft's page shows no body), and
what a proxy answers that stored nothing. A Track record has no id to be named by and must not be sent twice, so there
it is believed at once. Statements can be sent again: the answer is believed when it has stayed the same for a while, or
when the repetition is answered 409. That is remembered by destination until it names what it stored after all
(decision record 0014).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from percipio_openedx.delivery.claim import Row
from percipio_openedx.delivery.multistatus import parsed
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.enums import Outcome
from percipio_openedx.models.destination import Destination
from percipio_openedx.models.statement import Statement
from percipio_openedx.redaction import fitted, words_of

logger = logging.getLogger(__name__)

# So long an address has to go on answering in the same way: with the waits of ``retry`` it is asked four times more at
# the least, which a proxy that is being restarted does not outlast.
AFTER = timedelta(minutes=10)
# The same where statements were taken before: there something stands in the way more likely, and somebody looks.
AFTER_SUCCESS = timedelta(days=1)


def manner_of(answer: Answer) -> str:
    """The words by which a plain answer is recognized; of an object its names, since values change."""
    said = parsed(answer.body)
    if isinstance(said, dict):
        words = "{" + ", ".join(sorted(str(name) for name in said)) + "}"
    else:
        words = words_of(answer.body, personal=answer.personal) or "no words"
    return fitted(f"{answer.status}: {words}", 255)


@dataclass(frozen=True, slots=True)
class Manners:
    """What is known of how an address answers, as the destination remembers it."""

    plain_answer: str
    since: datetime | None
    trusted_at: datetime | None
    has_succeeded: bool

    def is_believed(self, answer: Answer, now: datetime) -> bool:
        """Whether this plain answer counts as success now."""
        is_same = answer.outcome is Outcome.PLAIN and self.plain_answer == manner_of(answer)
        if not is_same or self.since is None:
            return False
        after = AFTER_SUCCESS if self.has_succeeded else AFTER
        return self.trusted_at is not None or now - self.since >= after


def manners_of(destination: Destination) -> Manners:
    """What the destination remembers, as it was read."""
    return Manners(
        destination.plain_answer,
        destination.plain_answer_since,
        destination.plain_answer_trusted_at,
        destination.last_success_at is not None,
    )


def learn(destination: Destination, answer: Answer, rows: tuple[Row, ...], now: datetime) -> None:
    """Remember what this answer says of the address's manner.

    Arguments:
        rows: what was sent, as stored before this answer.
    """
    known = bool(destination.plain_answer)
    if answer.outcome is Outcome.PLAIN:
        if destination.plain_answer != manner_of(answer):
            _remember(destination, manner_of(answer), now, None)
        elif destination.plain_answer_trusted_at is None and manners_of(destination).is_believed(answer, now):
            _trust(destination, now)
    elif answer.outcome is Outcome.CONFLICT and known and destination.plain_answer_trusted_at is None:
        # Known there, though its last answer was a success that named nothing: so that had stored it.
        if len(rows) == 1 and Statement.objects.filter(pk=rows[0].pk, status__in=(200, 201)).exists():
            _trust(destination, now)
    elif answer.outcome is Outcome.ACCEPTED and answer.body and known:
        _remember(destination, "", None, None)


def _trust(destination: Destination, now: datetime) -> None:
    _remember(destination, destination.plain_answer, destination.plain_answer_since, now)
    logger.info("plain answers believed destination=%s site=%s", destination.pk, destination.site_id)


def _remember(destination: Destination, manner: str, since: datetime | None, trusted_at: datetime | None) -> None:
    destination.plain_answer = manner
    destination.plain_answer_since = since
    destination.plain_answer_trusted_at = trusted_at
    destination.save(update_fields=["plain_answer", "plain_answer_since", "plain_answer_trusted_at"])
