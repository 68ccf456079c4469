"""App configuration of the stand-in `django_comment_common` app."""

from __future__ import annotations

from django.apps import AppConfig


class DjangoCommentCommonConfig(AppConfig):
    """Roles in the forum."""

    name = "openedx.core.djangoapps.django_comment_common"
    label = "django_comment_common"
    default_auto_field = "django.db.models.AutoField"
