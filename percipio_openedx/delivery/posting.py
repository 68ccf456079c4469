"""The threads that post. They know the network and no database: rows go in, answers come out."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

from django.db import connections
from django.utils import timezone

from percipio_openedx.codes import Api, Outcome
from percipio_openedx.config import Configuration
from percipio_openedx.delivery.claim import Row
from percipio_openedx.delivery.client import PercipioClient, longest_call
from percipio_openedx.delivery.judgement import Judgement, judge
from percipio_openedx.delivery.outcomes import Answer
from percipio_openedx.exceptions import PercipioConfigurationError

logger = logging.getLogger(__name__)

# What an answer says of the statements that were sent; pure, and called in a posting thread.
Read = Callable[[tuple[Row, ...], Answer], Judgement]

# Requests at the same time. A statement waits for its own predecessor only, so any number would keep the order.
STATEMENT_POSTERS = 1
TRACK_POSTERS = 4
# Seconds that whoever waits leaves to the posters after an answer, where more is to be sent: time to have the next
# request on its way. To work at once would take the interpreter from them in the middle of that, once or twice in each
# request, and the network would lie idle meanwhile.
GIVE_WAY = 0.002


@dataclass(frozen=True, slots=True)
class Posted:
    """One request that came back, and what its answer means.

    Both are None where it was too late to send it under its lease.
    """

    rows: tuple[Row, ...]
    started_at: datetime
    answer: Answer | None
    judgement: Judgement | None


class Posters:
    """Sends what it is given, in order, over connections that stay open.

    ``quickest`` is how many seconds the quickest answer took; infinite before there was one.

    Arguments:
        configuration: the site's.
        organization: of the destination.
        now: tells the time that leases are measured by.
        read: see ``Read``.
    """

    def __init__(
        self, configuration: Configuration, organization: str, now: Callable[[], datetime], read: Read
    ) -> None:
        self._client = PercipioClient(configuration)
        self._is_track = configuration.api is Api.TRACK
        self._organization = organization
        self._now = now
        self._read = read
        self._longest = timedelta(seconds=longest_call(configuration))
        self.count = TRACK_POSTERS if self._is_track else STATEMENT_POSTERS
        self._executor = ThreadPoolExecutor(self.count, thread_name_prefix="percipio-post")
        self._flights: dict[Future[Posted], tuple[Row, ...]] = {}
        self.quickest = inf

    def __len__(self) -> int:
        """Requests that are on their way or wait for a free thread."""
        return len(self._flights)

    def send(self, rows: tuple[Row, ...]) -> None:
        """Send these in one request, after those that were given before."""
        self._flights[self._executor.submit(self._post, rows)] = rows

    def wait(self) -> list[Posted]:
        """Wait until something has come back, and return all that has.

        Raises:
            Exception: what nobody foresaw in a request, once there is nothing else to return.
        """
        done = {future for future in self._flights if future.done()}
        if not done:
            done = wait(self._flights, return_when=FIRST_COMPLETED).done
            if len(done) < len(self._flights):
                time.sleep(GIVE_WAY)
        posted = self._returned()
        if not posted:
            # Nothing but what failed: that is raised.
            next(iter(done)).result()
        self.quickest = min([self.quickest, *(one.answer.duration for one in posted if one.answer is not None)])
        return posted

    def _returned(self) -> list[Posted]:
        """What has come back, in the order in which it was sent; no longer counted as on its way."""
        back = [
            future
            for future in self._flights
            if future.done() and not future.cancelled() and future.exception() is None
        ]
        for future in back:
            del self._flights[future]
        return [future.result() for future in back]

    def recall(self) -> list[tuple[Row, ...]]:
        """Take back what no thread has begun to send."""
        recalled = [future for future in self._flights if future.cancel()]
        return [self._flights.pop(future) for future in recalled]

    def close(self) -> list[Posted]:
        """End the threads after what is on its way, which is bounded by the time-outs, and return what came back."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        return self._returned()

    def _post(self, rows: tuple[Row, ...]) -> Posted:
        started_at = timezone.now()
        if rows[0].until < self._now() + self._longest:
            return Posted(rows, started_at, None, None)
        try:
            return Posted(rows, started_at, *self._judged(rows))
        finally:
            # None of ours, but the cache that holds the token may live in the database.
            connections.close_all()

    def _judged(self, rows: tuple[Row, ...]) -> tuple[Answer, Judgement]:
        """The boundary: what breaks on one request, or on the bytes of one answer, is a failure like any other.

        So it is found out which statement it is about, and the others leave.
        """
        answer = None
        try:
            answer = self._answer(rows)
            return answer, self._read(rows, answer)
        except PercipioConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            frame, name = traceback.extract_tb(error.__traceback__)[-1], type(error).__name__
            logger.error("request broke error=%s at=%s:%s", name, frame.filename, frame.lineno)
            status = None if answer is None else answer.status
            broken = Answer(Outcome.LATER, status, f"an error inside this LMS ({name}); see its log")
            return broken, judge(broken, [row.uuid for row in rows])

    def _answer(self, rows: tuple[Row, ...]) -> Answer:
        if self._is_track:
            return self._client.post_track(rows[0].track or b"", self._organization)
        return self._client.post_statements([row.body for row in rows], self._organization)
