"""App configuration of the stand-in `block_structure` app."""

from __future__ import annotations

from django.apps import AppConfig


class BlockStructureConfig(AppConfig):
    """Courses as they were collected last."""

    name = "openedx.core.djangoapps.content.block_structure"
    label = "block_structure"
    default_auto_field = "django.db.models.AutoField"
