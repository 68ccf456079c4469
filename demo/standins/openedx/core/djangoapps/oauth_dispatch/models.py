"""What an OAuth2 application may do."""

from __future__ import annotations

from typing import Any

from django.db import models
from oauth2_provider.settings import oauth2_settings


class ListCharField(models.CharField):  # type: ignore[type-arg]
    """A short list of words in one column, joined with commas; a list in Python."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> list[str]:
        """Split what the database has."""
        return self.to_python(value)

    def to_python(self, value: Any) -> list[str]:
        """A list, from text or a list."""
        if isinstance(value, str):
            return [word.strip() for word in value.split(",") if word.strip()]
        return list(value or [])

    def get_prep_value(self, value: Any) -> str:
        """Join for the database."""
        return ",".join(self.to_python(value))

    def value_to_string(self, obj: models.Model) -> str:
        """The text form, for fixtures."""
        return self.get_prep_value(self.value_from_object(obj))

    def run_validators(self, value: Any) -> None:
        """The length rule holds for the joined text."""
        super().run_validators(self.get_prep_value(value))


class RestrictedApplication(models.Model):
    """An application whose opaque tokens are born expired: only signed tokens work for it."""

    application = models.ForeignKey(oauth2_settings.APPLICATION_MODEL, null=False, on_delete=models.CASCADE)

    class Meta:
        app_label = "oauth_dispatch"

    def __str__(self) -> str:
        return f"<RestrictedApplication '{self.application.name}'>"


class ApplicationAccess(models.Model):
    """The scopes and filters that an application may ask for."""

    application = models.OneToOneField(
        oauth2_settings.APPLICATION_MODEL, related_name="access", on_delete=models.CASCADE
    )
    scopes = ListCharField(max_length=825, help_text="Comma-separated list of scopes.")
    filters = ListCharField(max_length=825, blank=True, default="", help_text="Comma-separated list of filters.")

    class Meta:
        app_label = "oauth_dispatch"

    def __str__(self) -> str:
        return f"{self.application.name}:{self.scopes}:{self.filters}"
