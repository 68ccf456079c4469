"""The plugin app of the LMS: its settings, addresses and receivers. Imported while the settings are being built."""

from __future__ import annotations

from typing import Any, ClassVar

from django.apps import AppConfig
from django.conf import settings

from percipio_openedx.settings.common import keep_out_of_tracking_log

LMS = "lms.djangoapp"

# receiver, signal (a name in ``capture/notices.py``), sender
RECEIVERS = (
    ("enrollment_created", "COURSE_ENROLLMENT_CREATED", None),
    ("mode_changed", "ENROLLMENT_TRACK_UPDATED", None),
    ("grade_changed", "PERSISTENT_GRADE_SUMMARY_CHANGED", None),
    ("passing_status_updated", "COURSE_PASSING_STATUS_UPDATED", None),
    ("passed_first_time", "COURSE_GRADE_PASSED_FIRST_TIME", None),
    ("certificate_created", "CERTIFICATE_CREATED", None),
    ("certificate_revoked", "CERTIFICATE_REVOKED", None),
    ("block_completed", "ROW_SAVED", "completion.models.BlockCompletion"),
    ("sso_link_saved", "ROW_SAVED", "social_django.models.UserSocialAuth"),
    ("learner_retired", "USER_RETIRE_LMS_MISC", None),
    ("learner_retired", "USER_RETIRE_LMS_CRITICAL", None),
)


def _receiver(name: str, signal: str, sender: str | None) -> dict[str, str]:
    path = f"percipio_openedx.capture.notices.{signal}"
    entry = {
        "receiver_func_name": name,
        "signal_path": path,
        "dispatch_uid": f"percipio_openedx.{name}.{signal.lower()}",
    }
    return entry if sender is None else {**entry, "sender_path": sender}


class PercipioOpenedxConfig(AppConfig):
    """The plugin as the LMS loads it (edx-django-utils, plugin mechanism)."""

    name = "percipio_openedx"
    verbose_name = "Skillsoft Percipio"
    default_auto_field = "django.db.models.BigAutoField"

    plugin_app: ClassVar[dict[str, Any]] = {
        "settings_config": {LMS: {"common": {"relative_path": "settings.common"}}},
        "url_config": {LMS: {"namespace": "percipio", "regex": "^percipio/", "relative_path": "urls"}},
        "signals_config": {
            LMS: {
                "relative_path": "capture.notices",
                "receivers": [_receiver(*entry) for entry in RECEIVERS],
            }
        },
    }

    def ready(self) -> None:
        """Register the checks, stay out of the tracking log, connect the worker, and leave event routing off."""
        from percipio_openedx import checks, tasks
        from percipio_openedx.event_routing import backend

        keep_out_of_tracking_log(settings)
        backend.settle()
        checks.register()
        tasks.connect_worker()
