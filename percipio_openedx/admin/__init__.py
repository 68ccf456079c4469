"""The operator's admin pages: is it working, why is something not in Percipio, and how to fix it."""

from __future__ import annotations

from django.apps import apps

from percipio_openedx.admin import configuration, editable, labels, learner_courses, records, statements

__all__ = ["configuration", "editable", "learner_courses", "records", "statements"]

labels.put(*apps.get_app_config("percipio_openedx").get_models())
