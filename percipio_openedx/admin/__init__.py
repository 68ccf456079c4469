"""The operator's pages: is it well, why is something not in Percipio, and putting it right."""

from __future__ import annotations

from django.apps import apps

from percipio_openedx.admin import (
    backfills,
    catalog_entries,
    configuration,
    editable,
    labels,
    learner_courses,
    records,
    statements,
)

__all__ = [
    "backfills",
    "catalog_entries",
    "configuration",
    "editable",
    "learner_courses",
    "records",
    "statements",
]

labels.put(*apps.get_app_config("percipio_openedx").get_models())
