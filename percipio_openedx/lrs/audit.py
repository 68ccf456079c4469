"""Every pull leaves a row; of those that are refused, so many an hour."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousOperation
from django.utils import timezone

from percipio_openedx.lrs.parameters import known_names
from percipio_openedx.models.pull import PullAudit, PullClient

if TYPE_CHECKING:
    from rest_framework.request import Request


# Refused requests of one client that leave a row in an hour.
MOST_REFUSED = 60


class Stopwatch:
    """When a request began, and how long it has taken."""

    def __init__(self) -> None:
        self.at: datetime = timezone.now()
        self._began = time.monotonic()

    @property
    def milliseconds(self) -> int:
        """Milliseconds since the beginning."""
        return round((time.monotonic() - self._began) * 1000)


def is_refused(status: int) -> bool:
    """Whether a question was turned down. That there is no such statement is an answer."""
    return status >= 400 and status != 404


def _refused(client: PullClient, since: datetime) -> int:
    """How many refused requests are kept, up to the most that may be."""
    rows = PullAudit.objects.filter(site_id=client.site_id, at__gte=since, client_id=client.client_id)
    return rows.filter(status__gte=400).exclude(status=404).order_by()[:MOST_REFUSED].count()


def asked(request: Request) -> tuple[str, ...]:
    """The names of a request's parameters; a question mark where they cannot be read."""
    try:
        return tuple(known_names(request.query_params.lists()))
    except SuspiciousOperation:
        return ("?",)


def record(
    request: Request, client: PullClient, asked: tuple[str, ...], status: int, statements: int, watch: Stopwatch
) -> None:
    """Keep who asked what kind of question and how many statements go out, before they do.

    Of refused requests the first ``MOST_REFUSED`` of a client in an hour: a client that is not let in, or asks nonsense
    without end, shall not fill the table.
    """
    if is_refused(status) and _refused(client, watch.at - timedelta(hours=1)) >= MOST_REFUSED:
        return
    PullAudit.objects.create(
        at=watch.at,
        site_id=client.site_id,
        client_id=client.client_id,
        method=str(request.method),
        asked=",".join(asked),
        status=status,
        statements=statements,
        duration_ms=watch.milliseconds,
    )
