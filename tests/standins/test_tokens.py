"""Service clients get their tokens from the LMS as from a real one."""

from __future__ import annotations

import base64
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.test import Client
from edx_rest_framework_extensions.auth.jwt.decoder import jwt_decode_handler
from oauth2_provider.models import AccessToken, Application
from openedx.core.djangoapps.oauth_dispatch.models import ApplicationAccess, RestrictedApplication
from openedx.core.lib.api.authentication import BearerAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    """A service client that may read grades and asks for more."""
    owner = User.objects.create(username="service", email="service@example.com")
    application = Application.objects.create(
        name="service",
        user=owner,
        client_id="client",
        client_secret="secret",
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_CLIENT_CREDENTIALS,
    )
    scopes = ["grades:read", "no:such:scope"]
    ApplicationAccess.objects.create(application=application, scopes=scopes, filters=["content_org:AcademyX"])
    return application


def ask(**more: str) -> Any:
    """The token endpoint's answer."""
    form = {"grant_type": "client_credentials", "client_id": "client", "client_secret": "secret", **more}
    return Client().post("/oauth2/access_token", form)


def test_an_opaque_token_acts_for_the_owner_of_the_application(application: Application) -> None:
    body = ask(scope="grades:read").json()
    request = APIRequestFactory().get("/", headers={"authorization": f"Bearer {body['access_token']}"})
    found = BearerAuthentication().authenticate(request)
    assert found is not None
    assert (found[0], found[1].scope, body["token_type"]) == (application.user, "grades:read", "Bearer")


def test_a_client_that_names_itself_by_http_basic_gets_a_token_of_either_kind(application: Application) -> None:
    basic = {"Authorization": f"Basic {base64.b64encode(b'client:secret').decode()}"}
    form = {"grant_type": "client_credentials", "scope": "grades:read"}
    for kind, name in (("bearer", "Bearer"), ("jwt", "JWT")):
        answer = Client().post("/oauth2/access_token", {**form, "token_type": kind}, headers=basic)
        assert (answer.status_code, answer.json()["token_type"]) == (200, name)
    wrong = {"Authorization": f"Basic {base64.b64encode(b'client:wrong').decode()}"}
    assert Client().post("/oauth2/access_token", form, headers=wrong).status_code == 401


def test_a_signed_token_has_the_platforms_claims(application: Application) -> None:
    body = ask(scope="grades:read", token_type="jwt").json()
    claims = jwt_decode_handler(body["access_token"])
    named = ("preferred_username", "scopes", "filters", "is_restricted", "grant_type", "version")
    assert {name: claims[name] for name in named} == {
        "preferred_username": "service",
        "scopes": ["grades:read"],
        "filters": ["content_org:AcademyX"],
        "is_restricted": False,
        "grant_type": "client_credentials",
        "version": "1.2.0",
    }
    assert (body["token_type"], body["expires_in"]) == ("JWT", 3600)


@pytest.mark.parametrize("scope", ["no:such:scope", "certificates:read"])
def test_a_scope_that_is_not_allowed_is_refused(application: Application, scope: str) -> None:
    answer = ask(scope=scope)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_scope"})


def test_an_opaque_token_of_a_restricted_application_is_born_expired(application: Application) -> None:
    RestrictedApplication.objects.create(application=application)
    token = ask().json()["access_token"]
    request = APIRequestFactory().get("/", headers={"authorization": f"Bearer {token}"})
    with pytest.raises(AuthenticationFailed, match="expired token"):
        BearerAuthentication().authenticate(request)


def test_an_inactive_owner_is_kept_out(application: Application) -> None:
    token = ask().json()["access_token"]
    User.objects.filter(pk=application.user_id).update(is_active=False)
    assert AccessToken.objects.count() == 1
    request = APIRequestFactory().get("/", headers={"authorization": f"Bearer {token}"})
    with pytest.raises(AuthenticationFailed, match="inactive user"):
        BearerAuthentication().authenticate(request)


@pytest.mark.parametrize(("form", "algorithm"), [({}, "HS256"), ({"asymmetric_jwt": "true"}, "RS512")])
def test_a_signed_token_that_was_changed_is_refused(
    application: Application, form: dict[str, str], algorithm: str
) -> None:
    token = ask(token_type="jwt", **form).json()["access_token"]
    assert jwt.get_unverified_header(token)["alg"] == algorithm
    head, claims, signature = token.split(".")
    changed = "A" * 8 + signature[8:] if signature[:8] != "A" * 8 else "B" * 8 + signature[8:]
    with pytest.raises(jwt.InvalidTokenError):
        jwt_decode_handler(f"{head}.{claims}.{changed}")


def test_a_restricted_application_gets_tokens_of_the_private_key(application: Application) -> None:
    RestrictedApplication.objects.create(application=application)
    token = ask(token_type="jwt").json()["access_token"]
    assert (jwt.get_unverified_header(token)["alg"], jwt_decode_handler(token)["is_restricted"]) == ("RS512", True)


def test_a_wrong_secret_gets_no_token(application: Application) -> None:
    answer = ask(client_secret="wrong")
    assert (answer.status_code, answer.json()) == (401, {"error": "invalid_client"})
