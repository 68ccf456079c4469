"""Which scopes an application may ask for."""

from __future__ import annotations

from typing import Any

from oauth2_provider.scopes import SettingsScopes

from .models import ApplicationAccess


class ApplicationModelScopes(SettingsScopes):  # type: ignore[misc]
    """The application's own scopes and the defaults, as far as the settings know them."""

    def get_available_scopes(self, application: Any = None, *args: Any, **kwargs: Any) -> list[str]:
        """Scopes that exist and that this application may use."""
        access = ApplicationAccess.objects.filter(application=application).first()
        wanted = set(access.scopes if access else []) | set(self.get_default_scopes())
        return [scope for scope in self.get_all_scopes() if scope in wanted]
