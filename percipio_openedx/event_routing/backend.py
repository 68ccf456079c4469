"""The tracking backend of event-routing-backends: keep it, remove it, or let it wait for a router.

Decided when the process is ready: only then are the settings final (other plugins, the YAML file and Tutor come after
ours) and the tracker built from them. A router's configuration is in the database, which cannot be read yet at that
time. So the backend is removed from ``EVENT_TRACKING_BACKENDS`` unless the settings ask for it, and the tracker gets
one that checks for a router first.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db.models.signals import post_save
from eventtracking.backends.async_routing import AsyncRoutingBackend
from eventtracking.tracker import DEFAULT_TRACKER_NAME, TRACKERS

from percipio_openedx import config, edx_platform
from percipio_openedx.exceptions import PlatformUnavailable

logger = logging.getLogger(__name__)

# The name in event-routing-backends' settings, tasks and commands.
NAME = "event_transformer"
# Seconds that a process caches whether a router exists, so that learners' acts cost no query.
GOOD_FOR = 300.0


class OnDemand(AsyncRoutingBackend):  # type: ignore[misc]
    """Publishes a task for an event only while a router is configured; costs nothing otherwise."""

    _has_router = False
    _known_until = 0.0

    def send(self, event: Any) -> None:
        """Send if there is a router, as far as is known: asked again now and then, while the database answers."""
        if time.monotonic() >= self._known_until:
            try:
                self._has_router = edx_platform.has_other_lrs()
            except PlatformUnavailable as error:
                logger.warning("event routing unknown reason=%s", error)
            self._known_until = time.monotonic() + GOOD_FOR
        if self._has_router:
            super().send(event)

    def forget(self, **_: Any) -> None:
        """Query again at the next event."""
        self._known_until = 0.0


def settle() -> None:
    """Remove the backend unless the site asks for it, by its settings or by using another class."""
    backends, is_forbidden = _backends(), config.routing_is_forbidden()
    backend: Any = backends.get(NAME)
    is_as_installed = type(backend) is AsyncRoutingBackend
    if config.routing_is_asked_for_by() or not (is_as_installed or is_forbidden):
        return
    config.take_out_of_tracking(NAME)
    if is_forbidden:
        backends.pop(NAME, None)
        return
    backends[NAME] = ours = OnDemand(
        processors=backend.processors, backends=backend.backends, backend_name=backend.backend_name
    )
    router = "event_routing_backends.RouterConfiguration"
    post_save.connect(ours.forget, sender=router, weak=False, dispatch_uid="percipio_openedx.event_routing")


def state() -> str:
    """Return what happens to events in this process: ``routed``, ``on demand``, or ``""`` for nothing."""
    backend = _backends().get(NAME)
    if backend is None:
        return ""
    return "on demand" if isinstance(backend, OnDemand) else "routed"


def _backends() -> dict[str, Any]:
    """Return the tracker's backends by name; none if event tracking is off (``EVENT_TRACKING_ENABLED``)."""
    tracker = TRACKERS.get(DEFAULT_TRACKER_NAME)
    return tracker.backends if tracker is not None else {}
