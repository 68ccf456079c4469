"""Send the items of a catalog that are due at one destination, one a request, and settle every answer.

The same client, token, circuit breaker, outcomes and attribution as for statements (``delivery``), on a destination of
its own. One request at a time: several workers share the items by leases.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from percipio_openedx.bulkheads import Boundary, bulkhead
from percipio_openedx.catalog.compare import AT_ONCE, OfferedItem
from percipio_openedx.config import Configuration
from percipio_openedx.db import persistently
from percipio_openedx.delivery import breaker
from percipio_openedx.delivery.attribution import Fate, Row, Ruling, convicted
from percipio_openedx.delivery.bodies import parsed
from percipio_openedx.delivery.claim import LEASE
from percipio_openedx.delivery.client import PercipioClient, longest_call
from percipio_openedx.delivery.outcomes import Answer, judge, may_be_stored, next_time
from percipio_openedx.delivery.settle import attempts
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.catalog import CatalogEntry, CatalogEntryQuerySet, EntryState
from percipio_openedx.models.destination import DeliveryAttempt, Destination
from percipio_openedx.models.statement import State, Statement

logger = logging.getLogger(__name__)

# Items claimed at once, out of so many that are due.
CLAIM, CANDIDATES = 20, 1000
# Seconds that a session has at least: reading a large catalog may have used up those of the pass.
LEAST = 2.0
# What a delivery attempt says instead of one of the two APIs.
CONTENT = "content"


class CatalogSession:
    """One session at a destination; call ``run`` once. ``counts`` are *sent*, *refused*, *later* and *forward*.

    Arguments:
        items: what is offered now; a due row that is none of it waits for the next comparison.
        is_over: asked between two requests, after the first seconds.
        on_sent: called after each request.
    """

    def __init__(
        self,
        destination: Destination,
        configuration: Configuration,
        items: Mapping[str, OfferedItem],
        is_over: Callable[[], bool] = bool,
        on_sent: Callable[[], object] = bool,
    ) -> None:
        self._destination = destination
        # What was read long ago may lack what a comparison has found since.
        self._items = {content_id: item for content_id, item in items.items() if item.document}
        self._stop = is_over
        self._on_sent = on_sent
        self._client = PercipioClient(configuration)
        self._longest = timedelta(seconds=longest_call(configuration))
        self._lease = uuid4()
        # Claimed and not sent; sent and not settled, since it is not decided whose the failure is.
        self._claimed: dict[int, CatalogEntry] = {}
        self._undecided: dict[int, CatalogEntry] = {}
        self._probing = destination.failures > 0
        self._attribution = breaker.attribution_of(destination)
        self._problem: Outcome | None = None
        self._last_failure: Answer | None = None
        self._accepted_at: datetime | None = None
        # To be stored with the next claim: the requests, and the course runs whose items Percipio had not.
        self._attempts: list[DeliveryAttempt] = []
        self._opened: list[str] = []
        self._least = time.monotonic() + LEAST
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        """Send until nothing is due, it is over, or the destination fails; leave nothing claimed."""
        is_drained = False
        try:
            while not self._is_over() and not is_drained:
                self._claim()
                is_drained = not self._claimed
                for row in list(self._claimed.values()):
                    if self._is_over() or not self._lasts(row):
                        break
                    self._send(row)
                    self._on_sent()
                self._release(self._claimed)
                self._store()
            if self._problem is None:
                # Where time is up after the last item, nothing else is left to compare it with either.
                self._finish(is_drained=is_drained or not self._due(timezone.now()).exists())
        finally:
            self._release(self._claimed)
            self._release(self._undecided)
            self._store()

    def _is_over(self) -> bool:
        if self._problem is not None or self._attribution.is_inconclusive:
            return True
        return time.monotonic() > self._least and self._stop()

    # --- claiming ----------------------------------------------------------------------------------------------------

    def _claim(self) -> None:
        """Claim some of what is due: in random order, since what is refused often stands together."""
        now = timezone.now()
        due = self._due(now).order_by("due_at", "id")
        found = [row for row in due.values_list("pk", "content_id", "attempts")[:CANDIDATES] if row[1] in self._items]
        random.shuffle(found)
        if self._probing:
            # Best one that never failed.
            found = sorted(found, key=lambda row: bool(row[2]))[:1]
        pks = [pk for pk, *_ in found[:CLAIM]]
        until = now + self._longest + timedelta(seconds=LEASE)
        persistently(CatalogEntry.objects.filter(pk__in=pks).due(now).update)(lease=self._lease, leased_until=until)
        mine = CatalogEntry.objects.filter(lease=self._lease).in_bulk(pks)
        self._claimed = {pk: mine[pk] for pk in pks if pk in mine}

    def _due(self, now: datetime) -> CatalogEntryQuerySet:
        return CatalogEntry.objects.filter(destination=self._destination).due(now)

    def _lasts(self, row: CatalogEntry) -> bool:
        """Whether the lease outlives one more request."""
        return row.leased_until is not None and row.leased_until >= timezone.now() + self._longest

    def _release(self, rows: dict[int, CatalogEntry]) -> None:
        if rows:
            held = CatalogEntry.objects.filter(pk__in=list(rows), lease=self._lease)
            persistently(held.update)(lease=None, leased_until=None)
            rows.clear()

    # --- sending -----------------------------------------------------------------------------------------------------

    def _send(self, row: CatalogEntry) -> None:
        """Send one item; from now until its answer is settled, it is in doubt what Percipio holds."""
        item, started_at = self._items[row.content_id], timezone.now()
        if item.fingerprint == row.fingerprint and not row.in_doubt:
            # Accepted by another worker since it was compared.
            held = {"state": EntryState.DELIVERED, "wanted_since": None}
            CatalogEntry.objects.filter(pk=row.pk, lease=self._lease).update(**held)
            return
        mine = CatalogEntry.objects.filter(pk=row.pk, lease=self._lease)
        if not persistently(mine.update)(in_doubt=True):
            return
        self._undecided[row.pk] = self._claimed.pop(row.pk)
        answer = self._posted(item)
        believed = breaker.believes(self._destination, answer, started_at)
        breaker.learn(self._destination, answer, (), started_at)
        judgment = judge(answer, [UUID(int=row.pk)], is_record=parsed(answer.body) is not None, believed=believed)
        accepted = sum(verdict.outcome is Outcome.ACCEPTED for verdict in judgment.verdicts.values())
        stored = judgment.answered(answer, 1)
        self._attempts += attempts(self._destination, CONTENT, started_at, stored, 1, accepted)
        if judgment.problem is not None:
            # No token, or a rate limit: about no item.
            unsent = {"in_doubt": row.in_doubt} if answer.is_of_token else {}
            self._settle(row, answer.outcome, answer.status, answer.message, **unsent)
            self._fail(judgment.problem, answer)
            return
        verdict = judgment.verdicts[0]
        if verdict.outcome is Outcome.ACCEPTED:
            self._accept(row, verdict.status, verdict.message)
        else:
            self._last_failure = answer
        refusals = {str(verdict.outcome): row.attempts} if row.attempts else {}
        sent = Row(row.pk, UUID(int=row.pk), row.attempts, item.document, None, started_at, refusals)
        for ruling in self._attribution.heard([sent], judgment, self._destination.successes, answer.retry_after):
            self._apply(ruling)
        if self._attribution.opens is not None:
            self._fail(self._attribution.opens, answer)

    def _posted(self, item: OfferedItem) -> Answer:
        """Post one item; the bulkhead around it makes an unforeseen error an ordinary failure of this item."""
        with bulkhead(Boundary.ROW) as contained:
            return self._client.post_content(item.document, self._destination.organization)
        if isinstance(contained.error, PercipioConfigurationError):
            raise contained.error
        logger.error("item cannot be sent course=%s error=%s", item.runs[0], contained.reason)
        return Answer(Outcome.LATER, None, f"an error inside this LMS ({contained.reason}); see its log")

    # --- settling ----------------------------------------------------------------------------------------------------

    def _accept(self, row: CatalogEntry, status: int | None, message: str) -> None:
        item, now = self._items[row.content_id], timezone.now()
        held = {"fingerprint": item.fingerprint, "sent_at": now, "title": item.title, "wanted_since": None}
        self._settle(row, Outcome.ACCEPTED, status, message, state=EntryState.DELIVERED, attempts=0, **held)
        self.counts["sent"] += 1
        self._opened += [] if row.fingerprint else item.runs
        self._accepted_at = now
        if self._probing:
            breaker.succeeded(self._destination, now)
            self._probing = False

    def _settle(self, row: CatalogEntry, outcome: Outcome, status: int | None, message: str, **values: Any) -> None:
        """Store what became of a request, and let go of its row. What was in doubt before stays so, unless accepted."""
        in_doubt = outcome is not Outcome.ACCEPTED and (row.in_doubt or may_be_stored(outcome, status))
        values = {"tried": self._items[row.content_id].fingerprint, "in_doubt": in_doubt} | values
        values |= {"status": status, "answer": message, "lease": None, "leased_until": None}
        persistently(CatalogEntry.objects.filter(pk=row.pk, lease=self._lease).update)(**values)
        self._undecided.pop(row.pk)

    def _apply(self, ruling: Ruling) -> None:
        """Settle an item that failed alone (``attribution.Fate``)."""
        row, verdict, now = self._undecided[ruling.row.pk], ruling.verdict, timezone.now()
        values: dict[str, Any] = {}
        is_refused = ruling.fate is Fate.UNPROVEN
        if ruling.fate is Fate.GUILTY:
            refusals, is_refused = convicted({verdict.outcome.value: row.attempts}, verdict.outcome)
            values = {"attempts": refusals[verdict.outcome]}
            values["due_at"] = next_time(now, row.attempts + 1, verdict.outcome, ruling.retry_after)
        elif ruling.fate is Fate.SUSPECTED:
            values = {"due_at": next_time(now, max(1, self._attribution.lone_failures), verdict.outcome)}
        if is_refused:
            values["state"] = EntryState.REFUSED
        self.counts["refused" if is_refused else "later"] += 1
        self._settle(row, verdict.outcome, verdict.status, verdict.message or "refused without a word", **values)

    def _fail(self, outcome: Outcome, answer: Answer) -> None:
        """Open the circuit breaker; what is undecided may be the destination's failure, and stays due."""
        self._problem = outcome
        for ruling in self._attribution.release():
            self._apply(ruling)
        breaker.failed(self._destination, answer, timezone.now(), outcome)

    def _finish(self, *, is_drained: bool) -> None:
        """Decide every open failure, and the destination's state (as ``DeliverySession``)."""
        rulings, now = self._attribution.end(is_drained=is_drained), timezone.now()
        for ruling in rulings:
            self._apply(ruling)
        answers = any(ruling.verdict.outcome is Outcome.REFUSED for ruling in rulings)
        if self._attribution.opens is not None and self._last_failure is not None:
            breaker.failed(self._destination, self._last_failure, now, self._attribution.opens)
        else:
            breaker.conclude(self._destination, self._attribution, now, self._accepted_at, answers=answers)

    def _store(self) -> None:
        """Store the attempts, and have the statements leave that waited for what was accepted for the first time."""
        attempts, self._attempts = self._attempts, []
        persistently(DeliveryAttempt.objects.bulk_create)(attempts)
        keys, self._opened = self._opened, []
        here = {name: getattr(self._destination, name) for name in ("site_id", "account", "organization")}
        places = list(Destination.objects.filter(is_catalog=False, **here).values_list("pk", flat=True)) if keys else []
        rows = Statement.objects.filter(destination_id__in=places, course_key__in=keys, awaits_item=True)
        while places and (pks := list(rows.filter(state=State.WAITING).values_list("pk", flat=True)[:AT_ONCE])):
            self.counts["forward"] += persistently(Statement.objects.filter(pk__in=pks).bring_forward)(timezone.now())
