"""App configuration of the stand-in `util` app."""

from __future__ import annotations

from django.apps import AppConfig


class UtilConfig(AppConfig):
    """House-keeping of the platform."""

    name = "openedx.core.djangoapps.util"
    label = "util"

    def ready(self) -> None:
        """Connect the handlers."""
        from . import signals  # noqa: F401
