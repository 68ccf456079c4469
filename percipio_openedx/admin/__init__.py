"""The operator's pages: is it working, why is something not in Percipio, and putting it right."""

from __future__ import annotations

from django.apps import apps

from percipio_openedx.admin import (
    configuration,
    course_answers,
    destinations,
    labels,
    learner_courses,
    pull,
    records,
    statements,
)

labels.put(*apps.get_app_config("percipio_openedx").get_models())

__all__ = [
    "configuration",
    "course_answers",
    "destinations",
    "learner_courses",
    "pull",
    "records",
    "statements",
]
