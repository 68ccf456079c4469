"""The plugin app of the CMS. Imported while the settings are being built."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import AppConfig


class EventRoutingConfig(AppConfig):
    """The plugin in the CMS (edx-django-utils, plugin mechanism): no models, no settings, no addresses."""

    name = "percipio_openedx.event_routing"
    label = "percipio_event_routing"
    verbose_name = "Skillsoft Percipio: event routing"

    plugin_app: ClassVar[dict[str, Any]] = {}

    def ready(self) -> None:
        """Remove the tracking backend unless the site asks for it."""
        from percipio_openedx.event_routing import backend

        backend.settle()
