"""Opaque OAuth2 tokens in the header `Authorization: Bearer ...`."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed


class BearerAuthenticationAllowInactiveUser(BaseAuthentication):
    """Looks the token up; its scopes are not observed."""

    allow_inactive_users = True
    www_authenticate_realm = "api"

    def authenticate(self, request: Any) -> tuple[User, AccessToken] | None:
        """The token's user and the token's row; None without such a header. Raises AuthenticationFailed."""
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("Invalid token header")
        token = AccessToken.objects.select_related("user").filter(token=words[1].decode("latin-1")).first()
        if token is None:
            raise AuthenticationFailed({"error_code": "token_nonexistent", "developer_message": "unknown token"})
        if token.expires < timezone.now():
            raise AuthenticationFailed({"error_code": "token_expired", "developer_message": "expired token"})
        if not self.allow_inactive_users and not token.user.is_active:
            raise AuthenticationFailed({"error_code": "account_disabled", "developer_message": "inactive user"})
        return token.user, token

    def authenticate_header(self, request: Any) -> str:
        """What a 401 asks for."""
        return f'Bearer realm="{self.www_authenticate_realm}"'


class BearerAuthentication(BearerAuthenticationAllowInactiveUser):
    """The same, for active users only."""

    allow_inactive_users = False


# The names under which older code still asks for the same two classes.
OAuth2Authentication = BearerAuthentication
OAuth2AuthenticationAllowInactiveUser = BearerAuthenticationAllowInactiveUser
