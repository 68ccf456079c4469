"""Connects the plugins' receivers when the LMS starts."""

from __future__ import annotations

from django.apps import AppConfig
from edx_django_utils.plugins import connect_plugin_receivers

from .constants import ProjectType


class PluginsConfig(AppConfig):
    """A wrong signal path in a plugin's table stops the start here, as it does in the LMS."""

    name = "openedx.core.djangoapps.plugins"
    label = "plugins"

    def ready(self) -> None:
        """Connect every receiver that the plugins name."""
        connect_plugin_receivers(ProjectType.LMS)
