"""The operator's pages: is it working, why is something not in Percipio, and putting it right."""

from __future__ import annotations

from django.contrib import admin

from percipio_openedx.admin import labels
from percipio_openedx.admin.alerts import AlertAdmin
from percipio_openedx.admin.configuration import PercipioConfigurationAdmin
from percipio_openedx.admin.course_overrides import CourseOverrideAdmin
from percipio_openedx.admin.destinations import DestinationAdmin
from percipio_openedx.admin.erasures import ErasureRequestAdmin
from percipio_openedx.admin.learner_courses import LearnerCourseAdmin
from percipio_openedx.admin.pull import PullAuditAdmin, PullClientAdmin
from percipio_openedx.admin.records import BackfillRunAdmin, DeliveryAttemptAdmin, NoticeAdmin, ObservationFailureAdmin
from percipio_openedx.admin.statements import StatementAdmin

labels.put(*(model for model in admin.site._registry if model._meta.app_label == "percipio_openedx"))

__all__ = [
    "AlertAdmin",
    "BackfillRunAdmin",
    "CourseOverrideAdmin",
    "DeliveryAttemptAdmin",
    "DestinationAdmin",
    "ErasureRequestAdmin",
    "LearnerCourseAdmin",
    "NoticeAdmin",
    "ObservationFailureAdmin",
    "PercipioConfigurationAdmin",
    "PullAuditAdmin",
    "PullClientAdmin",
    "StatementAdmin",
]
