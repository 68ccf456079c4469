"""App configuration of the stand-in `certificates` app."""

from __future__ import annotations

from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    """Certificates of course runs."""

    name = "lms.djangoapps.certificates"
    label = "certificates"
    default_auto_field = "django.db.models.AutoField"

    def ready(self) -> None:
        """Connect the platform's own receivers."""
        from . import signals  # noqa: F401
