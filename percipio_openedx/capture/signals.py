"""The signals that are listened to, each harmless where a release lacks it (``apps.py`` connects them by these
names).
"""

from __future__ import annotations

from django.db.models.signals import post_save

from percipio_openedx.edx_platform import signal

LEARNING = "openedx_events.learning.signals"

COURSE_ENROLLMENT_CREATED = signal(LEARNING, "COURSE_ENROLLMENT_CREATED")
PERSISTENT_GRADE_SUMMARY_CHANGED = signal(LEARNING, "PERSISTENT_GRADE_SUMMARY_CHANGED")
COURSE_PASSING_STATUS_UPDATED = signal(LEARNING, "COURSE_PASSING_STATUS_UPDATED")
CERTIFICATE_CREATED = signal(LEARNING, "CERTIFICATE_CREATED")
CERTIFICATE_REVOKED = signal(LEARNING, "CERTIFICATE_REVOKED")
COURSE_GRADE_PASSED_FIRST_TIME = signal("lms.djangoapps.grades.signals.signals", "COURSE_GRADE_PASSED_FIRST_TIME")
USER_RETIRE_LMS_MISC = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_MISC")
USER_RETIRE_LMS_CRITICAL = signal("openedx.core.djangoapps.user_api.accounts.signals", "USER_RETIRE_LMS_CRITICAL")
ROW_SAVED = post_save
