"""One pass of the worker: look at what is due, send what is due, say when to come again."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from edx_django_utils.monitoring import set_custom_attribute

logger = logging.getLogger(__name__)


def run_once(budget: float | None = None) -> datetime | None:
    """Look and deliver, and say when the next pass is due (None: when the next notice comes).

    Arguments:
        budget: seconds to work for, about; None for as long as it takes. Looking gets half of it.
    """
    # Here, so that the LMS's web processes, which never come here, start without any of it.
    from percipio_openedx.delivery.dispatcher import deliver_due
    from percipio_openedx.operations import alerts, telling
    from percipio_openedx.reporting import report_due

    telling.connect()
    began = time.monotonic()
    reported = report_due(None if budget is None else began + budget / 2)
    left = None if budget is None else max(1.0, budget - (time.monotonic() - began))
    delivered = deliver_due(budget_seconds=left)
    to_tell = alerts.check()
    _monitored(
        looked=reported.looked,
        statements=reported.statements,
        held=reported.held,
        sent=delivered.sent,
        parked=delivered.parked,
        later=delivered.later,
    )
    times = [at for at in (reported.next_at, delivered.next_due, to_tell) if at is not None]
    logger.info(
        "pass looked=%s statements=%s held=%s sent=%s parked=%s later=%s",
        reported.looked,
        reported.statements,
        reported.held,
        delivered.sent,
        delivered.parked,
        delivered.later,
    )
    return min(times, default=None)


def _monitored(**counts: int) -> None:
    """For the site's monitoring service, as custom attributes of the task or command."""
    for name, count in counts.items():
        set_custom_attribute(f"percipio_{name}", count)
