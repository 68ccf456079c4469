"""The tracking backend of event-routing-backends: left alone, taken out, or kept still until there is a router.

Settled when the process is ready, and not while its settings are being built: only then are the settings final (those
of other plugins may come after ours, those of the YAML file and of Tutor do), and the tracker has been made of them. A
router's configuration lies in the database, which a process has not yet at that time. So the backend is taken out of
``EVENT_TRACKING_BACKENDS`` where the settings do not ask for it, and in the tracker it gives way to one that looks for
a router first.
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

# As event-routing-backends' settings call it, and its tasks and commands find it.
NAME = "event_transformer"
# Seconds for which a process goes by what the database said, so that learners' acts cost no query.
GOOD_FOR = 300.0


class OnDemand(AsyncRoutingBackend):  # type: ignore[misc]
    """Publishes a task for an event only while a router is configured; costs nothing otherwise."""

    def send(self, event: Any) -> None:
        """Route an event, if there is anybody to route it to."""
        if _routers.are_there():
            super().send(event)


class _Routers:
    """Whether event-routing-backends has been given a place to route events to, as last asked."""

    def __init__(self) -> None:
        self._known, self._until = False, 0.0

    def are_there(self) -> bool:
        """Go by the last answer while it is good. Where there is none to be had, that goes on."""
        if time.monotonic() >= self._until:
            try:
                self._known = edx_platform.has_other_lrs()
            except PlatformUnavailable as error:
                logger.warning("event routing unknown reason=%s", error)
            self._until = time.monotonic() + GOOD_FOR
        return self._known

    def forget(self, **_: Any) -> None:
        """Ask again at the next event."""
        self._until = 0.0


_routers = _Routers()


def settle() -> None:
    """Take the backend out, unless the site asks for it: by its settings, or by having made it of another class."""
    backends, is_forbidden = _backends(), config.routing_is_forbidden()
    backend: Any = backends.get(NAME)
    is_as_installed = type(backend) is AsyncRoutingBackend
    if config.routing_is_asked_for_by() or not (is_as_installed or is_forbidden):
        return
    config.take_out_of_tracking(NAME)
    if is_forbidden:
        backends.pop(NAME, None)
        return
    backends[NAME] = OnDemand(
        processors=backend.processors, backends=backend.backends, backend_name=backend.backend_name
    )
    router = "event_routing_backends.RouterConfiguration"
    post_save.connect(_routers.forget, sender=router, weak=False, dispatch_uid="percipio_openedx.event_routing")


def state() -> str:
    """Return what becomes of events in this process: ``routed``, ``on demand``, or ``""`` for nothing."""
    backend = _backends().get(NAME)
    if backend is None:
        return ""
    return "on demand" if isinstance(backend, OnDemand) else "routed"


def _backends() -> dict[str, Any]:
    """Return the tracker's own, by name; none where event tracking is switched off (``EVENT_TRACKING_ENABLED``)."""
    tracker = TRACKERS.get(DEFAULT_TRACKER_NAME)
    return tracker.backends if tracker is not None else {}
