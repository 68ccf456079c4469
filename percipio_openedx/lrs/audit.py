"""Every pull leaves a row."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import SuspiciousOperation
from django.utils import timezone

from percipio_openedx.lrs.parameters import known_names
from percipio_openedx.models.pull import PullAudit, PullClient

if TYPE_CHECKING:
    from rest_framework.request import Request


class Stopwatch:
    """When a request began, and how long it has taken."""

    def __init__(self) -> None:
        self.at: datetime = timezone.now()
        self._began = time.monotonic()

    @property
    def milliseconds(self) -> int:
        """Milliseconds since the beginning."""
        return round((time.monotonic() - self._began) * 1000)


def asked(request: Request) -> tuple[str, ...]:
    """The names of a request's parameters; a question mark where they cannot be read."""
    try:
        return tuple(known_names(request.query_params.lists()))
    except SuspiciousOperation:
        return ("?",)


def record(
    request: Request, client: PullClient, asked: tuple[str, ...], status: int, statements: int, watch: Stopwatch
) -> None:
    """Keep who asked what kind of question and how many statements go out, before they do."""
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
