"""The token endpoint: opaque tokens, or signed ones on request."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse, JsonResponse
from oauth2_provider.models import AccessToken
from oauth2_provider.views import TokenView

from .jwt import create_jwt_for_user
from .models import RestrictedApplication


class AccessTokenView(TokenView):  # type: ignore[misc]
    """`POST /oauth2/access_token`; `token_type=jwt`, or the header `X-Token-Type`, asks for a signed token."""

    def post(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        """The token, or the error of the OAuth2 provider."""
        response: HttpResponse = super().post(request, *args, **kwargs)
        asked = request.POST.get("token_type", request.headers.get("x-token-type", "")).lower()
        if response.status_code != 200 or asked != "jwt":
            return response
        body = json.loads(response.content)
        token = AccessToken.objects.select_related("user", "application").get(token=body["access_token"])
        access = getattr(token.application, "access", None)
        restricted = RestrictedApplication.objects.filter(application=token.application).exists()
        return JsonResponse(
            create_jwt_for_user(
                token.user,
                scopes=token.scope.split(),
                filters=list(access.filters) if access else [],
                is_restricted=restricted,
                grant_type=request.POST.get("grant_type", ""),
                is_asymmetric=request.POST.get("asymmetric_jwt", "") == "true",
            )
        )
