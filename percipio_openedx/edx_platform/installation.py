"""What this LMS has switched on that the plugin depends on, or lives beside."""

from __future__ import annotations

from contextlib import nullcontext

from django.db import connections, transaction

from percipio_openedx.edx_platform.door import platform


def is_completion_on() -> bool:
    """Whether the LMS records which blocks learners complete (a switch of edx-completion, off by default)."""
    with platform("completion.waffle.ENABLE_COMPLETION_TRACKING_SWITCH"):
        from completion.waffle import ENABLE_COMPLETION_TRACKING_SWITCH

        return bool(ENABLE_COMPLETION_TRACKING_SWITCH.is_enabled())


def has_other_lrs() -> bool:
    """Whether event-routing-backends has been given a place to route events to (for another LRS than Percipio).

    Within a transaction in a savepoint: where its table is missing, the transaction of whoever asks goes on.

    Raises:
        PlatformUnavailable: its table cannot be read.
    """
    with platform("event_routing_backends.models.RouterConfiguration"):
        from event_routing_backends.models import RouterConfiguration

        rows = RouterConfiguration.objects.current_set().filter(enabled=True)
        with transaction.atomic(rows.db) if connections[rows.db].in_atomic_block else nullcontext():
            return bool(rows.exists())
