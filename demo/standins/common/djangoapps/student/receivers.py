"""Reports changed account settings to tracking, as the platform does from model signals."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models.signals import post_init, post_save
from django.dispatch import receiver
from eventtracking import tracker

from .models import UserProfile

EVENT_NAME = "edx.user.settings.changed"
HIDDEN = {"password"}
UNREPORTED = {"id", "user", "last_login", "first_name", "last_name", "date_joined"}


def _values(instance: models.Model) -> dict[str, Any]:
    deferred = instance.get_deferred_fields()
    return {
        field.name: getattr(instance, field.attname)
        for field in instance._meta.concrete_fields
        if field.name not in UNREPORTED and field.attname not in deferred
    }


@receiver(post_init, sender=User)
@receiver(post_init, sender=UserProfile)
def remember(instance: models.Model, **kwargs: Any) -> None:
    """Keep the loaded values, to see at the next save what changed."""
    instance._settings_before = _values(instance)  # type: ignore[attr-defined]


@receiver(post_save, sender=User)
@receiver(post_save, sender=UserProfile)
def report(instance: Any, created: bool, **kwargs: Any) -> None:
    """One event for each changed setting: old and new value in clear, but for the password."""
    before, after = instance._settings_before, _values(instance)
    instance._settings_before = after
    if created:
        return
    user_id = instance.id if isinstance(instance, User) else instance.user_id
    for name, new in after.items():
        if name in before and before[name] != new:
            shown = (None, None) if name in HIDDEN else (before[name], new)
            tracker.emit(
                EVENT_NAME,
                {
                    "old": shown[0],
                    "new": shown[1],
                    "truncated": [],
                    "setting": name,
                    "user_id": user_id,
                    "table": instance._meta.db_table,
                },
            )
