"""OAuth2 applications of the LMS and the tokens they present."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from percipio_openedx.data import OpaqueToken
from percipio_openedx.edx_platform.door import platform

if TYPE_CHECKING:
    from rest_framework.request import Request


def opaque_token(request: Request) -> OpaqueToken:
    """Whose opaque token a request carries in ``Authorization: Bearer``, judged by the platform.

    Raises:
        AuthenticationFailed: there is no such token, it has expired, or its user may not log in.
        PlatformUnavailable: the platform's class is missing, or stumbled over the token.
    """
    from rest_framework.exceptions import APIException

    with platform("openedx.core.lib.api.authentication.BearerAuthentication", passing=(APIException,)):
        from openedx.core.lib.api.authentication import BearerAuthentication

        found = BearerAuthentication().authenticate(request)
        if found is None:
            raise LookupError
        user, token = found
        application = token.application
        return OpaqueToken(
            user_id=user.pk,
            scopes=frozenset(token.scope.split()),
            client_id=application.client_id if is_service(application, user.pk) else None,
        )


def is_service(application: Any, user_id: int) -> bool:
    """Whether an OAuth2 application speaks for itself (client credentials), that is for the user who owns it."""
    return (
        application is not None
        and application.authorization_grant_type == application.GRANT_CLIENT_CREDENTIALS
        and application.user_id == user_id
    )


def service_client_ids(user_id: int) -> list[str]:
    """The client ids of the applications that a user owns and that speak for themselves (client credentials)."""
    with platform("oauth2_provider.models.Application"):
        from oauth2_provider.models import get_application_model

        model = get_application_model()
        rows = model.objects.filter(user_id=user_id, authorization_grant_type=model.GRANT_CLIENT_CREDENTIALS)
        return list(rows.order_by("client_id").values_list("client_id", flat=True))


def application_mistakes(client_id: str, scope: str) -> list[str]:
    """What keeps an OAuth2 application from asking for a scope by client credentials, in words for an operator."""
    with platform("oauth2_provider.models.Application"):
        from oauth2_provider.models import get_application_model

        model = get_application_model()
        application = model.objects.filter(client_id=client_id).first()
        if application is None:
            return [_("There is no OAuth2 application with this client id.")]
        mistakes = []
        if application.authorization_grant_type != model.GRANT_CLIENT_CREDENTIALS:
            mistakes.append(_("Its grant type is not client credentials."))
        if application.client_type != model.CLIENT_CONFIDENTIAL:
            mistakes.append(_("Its client type is not confidential."))
        if application.user_id is None:
            mistakes.append(_("It has no user: tokens of a service are its owner's."))
        if scope not in _scopes_of(application):
            mistakes.append(_("It has no application access with the scope %(scope)s.") % {"scope": scope})
        return mistakes


def _scopes_of(application: Any) -> list[str]:
    with platform("oauth_dispatch.models.ApplicationAccess"):
        from openedx.core.djangoapps.oauth_dispatch.models import ApplicationAccess

        access = ApplicationAccess.objects.filter(application=application).first()
        return list(access.scopes) if access else []


def is_restricted(client_id: str) -> bool:
    """Whether the platform restricts an application: its opaque tokens are no good, only signed ones are."""
    with platform("oauth_dispatch.models.RestrictedApplication"):
        from openedx.core.djangoapps.oauth_dispatch.models import RestrictedApplication

        return bool(RestrictedApplication.objects.filter(application__client_id=client_id).exists())
