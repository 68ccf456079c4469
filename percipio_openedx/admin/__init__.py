"""The operator's pages: is it well, why is something not in Percipio, and putting it right.

What reads the LMS, delivers, or checks is imported inside functions: a process of the LMS starts without it.
"""

from __future__ import annotations

from django.apps import apps

# Imported to be registered.
from percipio_openedx.admin import (  # noqa: F401
    backfills,
    catalog_entries,
    configuration,
    editable,
    labels,
    learner_courses,
    records,
    statements,
)

labels.put(*apps.get_app_config("percipio_openedx").get_models())
