"""Every pull leaves a row; of those that are refused, so many an hour."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.core.exceptions import SuspiciousOperation
from django.utils import timezone

from percipio_openedx.lrs.query import known_names
from percipio_openedx.models.pull import PullAudit, PullClient

if TYPE_CHECKING:
    from rest_framework.request import Request

# Refused requests of one client that leave a row in an hour: a client that is not let in, or asks nonsense without end,
# shall not fill the table.
MOST_REFUSED: Final = 60


def asked(request: Request) -> str:
    """Return the names of a request's parameters; a question mark where they cannot be read."""
    try:
        return ",".join(known_names(request.query_params.lists()))
    except SuspiciousOperation:
        return "?"


def record(client: PullClient, began: datetime, method: str, asked: str, status: int, statements: int) -> None:
    """Keep who asked what kind of question and how many statements go out, before they do.

    A question that was turned down is one of which ``MOST_REFUSED`` are kept. That there is no such statement is an
    answer.
    """
    if status >= 400 and status != 404:
        rows = PullAudit.objects.filter(site_id=client.site_id, client_id=client.client_id, status__gte=400)
        recent = rows.filter(at__gte=began - timedelta(hours=1)).exclude(status=404).order_by()
        if recent[:MOST_REFUSED].count() >= MOST_REFUSED:
            return
    PullAudit.objects.create(
        at=began,
        site_id=client.site_id,
        client_id=client.client_id,
        method=method,
        asked=asked,
        status=status,
        statements=statements,
        duration_ms=max(0, round((timezone.now() - began).total_seconds() * 1000)),
    )
