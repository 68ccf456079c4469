"""App configuration of the stand-in `user_api` app."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate

STATES = ("PENDING", "RETIRING_ENROLLMENTS", "RETIRING_LMS_MISC", "RETIRING_LMS", "COMPLETE")


class UserAPIConfig(AppConfig):
    """Accounts and their retirement."""

    name = "openedx.core.djangoapps.user_api"
    label = "user_api"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """The steps of retirement are there after every migration; a real site adds them by command."""
        post_migrate.connect(add_states, sender=self)


def add_states(using: str, **kwargs: Any) -> None:
    """Add the steps that are not there, in their order."""
    from .models import RetirementState

    for order, name in enumerate(STATES, start=1):
        RetirementState.objects.using(using).get_or_create(
            state_name=name,
            defaults={"state_execution_order": order, "is_dead_end_state": name == "COMPLETE", "required": True},
        )
