"""OAuth2 applications of the LMS and their tokens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _

from percipio_openedx.edx_platform.door import platform

if TYPE_CHECKING:
    from rest_framework.request import Request

# The most time between the LMS's record of a token and its signed form, both made in one request.
_ONE_REQUEST = timedelta(seconds=10)


class Grant(NamedTuple):
    """What an OAuth2 token of the LMS allows, without the token itself.

    ``user_id`` is, for a service, the application's owner. ``client_id`` is None if the application does not speak for
    itself (client credentials) or is unknown, ``filters`` what the token is limited to.
    """

    user_id: int
    scopes: frozenset[str]
    client_id: str | None
    is_signed: bool = False
    filters: tuple[str, ...] = ()


def opaque_token(request: Request) -> Grant:
    """Return the grant of a request's opaque token; raise ``AuthenticationFailed`` or ``PlatformUnavailable``."""
    from rest_framework.exceptions import APIException

    with platform("openedx.core.lib.api.authentication.BearerAuthentication", passing=(APIException,)):
        from openedx.core.lib.api.authentication import BearerAuthentication

        found = BearerAuthentication().authenticate(request)
        if found is None:
            raise LookupError
        user, token = found
        application = token.application
        return Grant(
            user_id=user.pk,
            scopes=frozenset(token.scope.split()),
            client_id=application.client_id if is_service(application, user.pk) else None,
        )


def is_service(application: Any, user_id: int) -> bool:
    """Whether an OAuth2 application speaks for itself (client credentials), that is, for its owner."""
    return (
        application is not None
        and application.authorization_grant_type == application.GRANT_CLIENT_CREDENTIALS
        and application.user_id == user_id
    )


@platform("oauth2_provider.models.Application")
def client_of_signed_token(user_id: int, scopes: frozenset[str], issued_at: datetime) -> str | None:
    """Return the client id of a service's signed token; None if it cannot be known.

    A signed token names its user but no application (``oauth_dispatch/jwt.py``). So the user must own one application
    only, of any kind, and that must have been given a token just when this one was issued (``issued_at``, its ``iat``
    in whole seconds), since there may have been another then: the LMS makes each signed token from an opaque one
    (``create_jwt_token_dict``), and deletes that with its application.
    """
    from oauth2_provider.models import get_access_token_model, get_application_model

    owned = list(get_application_model().objects.filter(user_id=user_id)[:2])
    if len(owned) != 1 or not is_service(owned[0], user_id):
        return None
    tokens = get_access_token_model().objects.filter(
        application=owned[0],
        user_id=user_id,
        created__gte=issued_at - _ONE_REQUEST,
        created__lt=issued_at + timedelta(seconds=1),
    )
    given = (frozenset(scope.split()) for scope in tokens.values_list("scope", flat=True))
    return str(owned[0].client_id) if scopes in given else None


@platform("oauth2_provider.models.Application")
def signed_token_problem(client_id: str) -> str:
    """Return why signed tokens of an application are refused, for operators; ``''`` if they are not."""
    from oauth2_provider.models import get_application_model

    model = get_application_model()
    user_id = model.objects.filter(client_id=client_id).values_list("user_id", flat=True).first()
    others = model.objects.filter(user_id=user_id).exclude(client_id=client_id).count() if user_id else 0
    if not others:
        return ""
    return _(
        "Its user owns other applications as well (%(count)s). A signed token (JWT) does not say which application "
        "it is of, so those of this application are refused."
    ) % {"count": others}


@platform("oauth_dispatch.models.ApplicationAccess")
def _access(client_id: str) -> Any:
    from openedx.core.djangoapps.oauth_dispatch.models import ApplicationAccess

    return ApplicationAccess.objects.filter(application__client_id=client_id).first()


def filters_of(client_id: str) -> list[str]:
    """Return what an application and its tokens are limited to (``content_org:SchoolX``)."""
    access = _access(client_id)
    return [str(one) for one in access.filters or ()] if access else []


@platform("oauth2_provider.models.Application")
def application_mistakes(client_id: str, scope: str) -> list[str]:
    """Return what keeps an application from requesting a scope by client credentials, for operators."""
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
    access = _access(client_id)
    if access is None or scope not in access.scopes:
        mistakes.append(_("It has no application access with the scope %(scope)s.") % {"scope": scope})
    if filters := filters_of(client_id):
        mistakes.append(
            _(
                "Its application access is limited to %(filters)s. A pull client reads the whole site, so its "
                "tokens are refused."
            )
            % {"filters": ", ".join(filters)}
        )
    if is_restricted(client_id) and (problem := signed_token_problem(client_id)):
        mistakes.append(_("It is restricted, so that only its signed tokens are good.") + f" {problem}")
    return mistakes


@platform("oauth_dispatch.models.RestrictedApplication")
def is_restricted(client_id: str) -> bool:
    """Whether the platform restricts an application: it then accepts only signed tokens."""
    from openedx.core.djangoapps.oauth_dispatch.models import RestrictedApplication

    return bool(RestrictedApplication.objects.filter(application__client_id=client_id).exists())
