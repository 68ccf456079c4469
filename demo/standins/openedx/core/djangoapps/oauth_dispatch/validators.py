"""Binds the tokens of service clients to the application's owner."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from oauth2_provider.models import AccessToken
from oauth2_provider.oauth2_validators import OAuth2Validator

from .models import RestrictedApplication


class EdxOAuth2Validator(OAuth2Validator):  # type: ignore[misc]
    """The platform's rules for tokens."""

    def save_bearer_token(self, token: dict[str, Any], request: Any, *args: Any, **kwargs: Any) -> None:
        """With client credentials the token acts for the user who owns the application.

        An opaque token of a restricted application is born expired.
        """
        grant_type = request.grant_type
        if grant_type == "client_credentials":
            request.user = request.client.user
            # The provider forgets the user of a client-credentials grant, so it is not told of it.
            request.grant_type = None
        super().save_bearer_token(token, request, *args, **kwargs)
        request.grant_type = grant_type
        if RestrictedApplication.objects.filter(application=request.client).exists():
            AccessToken.objects.filter(token=token["access_token"]).update(
                expires=timezone.now() - timedelta(seconds=1)
            )
