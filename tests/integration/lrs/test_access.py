"""Who may pull: every way of not belonging, and the two ways of belonging."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.db import OperationalError
from django.test import Client
from oauth2_provider.models import AccessToken, Application
from openedx.core.djangoapps.oauth_dispatch.models import ApplicationAccess

from percipio_openedx import edx_platform
from percipio_openedx.checks import check_settings
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models import PullAudit, PullClient
from percipio_openedx.settings.common import PULL_SCOPE
from tests.integration.lrs.puller import PATH, Puller
from tests.integration.lrs.rows import SECRET, a_client, add, an_application, restrict, token_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]


def answer_of(authorization: str | None, **headers: str) -> Any:
    """What the resource says to a header, or to none."""
    puller = Puller(None, authorization or "none")
    if authorization is None:
        del puller.headers["Authorization"]
    return puller.get(headers=headers)


def issued(application: Application, scope: str = PULL_SCOPE, **fields: str) -> dict[str, Any]:
    """The answer of the LMS's token endpoint."""
    form = {
        "grant_type": "client_credentials",
        "client_id": application.client_id,
        "client_secret": SECRET,
        "scope": scope,
        **fields,
    }
    response = Client().post("/oauth2/access_token", form)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def signed(application: Application, scope: str = PULL_SCOPE) -> str:
    """The header with a signed token of the LMS's own making."""
    return f"JWT {issued(application, scope, token_type='jwt')['access_token']}"


def opaque(application: Application, scope: str = PULL_SCOPE) -> str:
    """The header with an opaque token of the LMS's own making."""
    return f"Bearer {issued(application, scope)['access_token']}"


def segment(data: bytes) -> str:
    """One of a signed token's three parts."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


both_forms = pytest.mark.parametrize("form", [opaque, signed])


class TestBelonging:
    """What a client does that may."""

    @both_forms
    def test_a_named_application_reads(self, form: Callable[..., str]) -> None:
        row = add(1)
        response = answer_of(form(a_client()))
        assert response.status_code == 200
        assert [each["id"] for each in json.loads(response.content)["statements"]] == [str(row.uuid)]

    def test_a_restricted_application_reads_with_a_signed_token(self) -> None:
        application = a_client()
        restrict(application)
        assert answer_of(signed(application)).status_code == 200


@lru_cache
def rsa_keys(owner: str = "lms") -> tuple[Any, str]:
    """A private key, and the set of public keys that an LMS would publish for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return key, json.dumps({"keys": [public]})


def test_a_token_signed_with_the_lmss_private_key(settings: Any) -> None:
    header = signed(a_client()).removeprefix("JWT ")
    claims = jwt.decode(header, options={"verify_signature": False})
    private, public = rsa_keys()
    settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": public}
    assert answer_of(f"JWT {jwt.encode(claims, private, algorithm='RS512')}").status_code == 200


class TestNotKnown:
    """401: nobody, or nobody we know."""

    def test_xapi_00334_no_token(self) -> None:
        response = answer_of(None)
        assert (response.status_code, response["WWW-Authenticate"]) == (401, 'Bearer realm="percipio"')

    def test_staff_in_a_browser(self, admin_client: Client) -> None:
        assert admin_client.get(PATH, headers={"X-Experience-API-Version": "1.0.3"}).status_code == 401

    def test_a_signed_token_in_a_cookie(self, settings: Any) -> None:
        settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_AUTH_COOKIE": "edx-jwt-cookie"}
        http = Client()
        http.cookies["edx-jwt-cookie"] = signed(a_client()).removeprefix("JWT ")
        assert http.get(PATH, headers={"X-Experience-API-Version": "1.0.3"}).status_code == 401

    @pytest.mark.parametrize(
        "header",
        [
            "",
            "Bearer",
            "Bearer ",
            "Bearer unknown",
            "Bearer two words",
            "Bearer \xff\xfe",
            "Bearer a\x00b",
            "Bearer " + "x" * 9000,
            "JWT",
            "JWT a.b.c",
            "JWT eyJhbGciOiJub25lIn0.eyJzY29wZXMiOlsicGVyY2lwaW86cmVhZCJdfQ.",
            "Basic cGVyY2lwaW86c2VjcmV0",
            "Token abc",
        ],
    )
    def test_a_header_that_is_none_of_ours(self, header: str) -> None:
        a_client()
        assert answer_of(header).status_code == 401

    def test_an_expired_opaque_token(self) -> None:
        assert answer_of(f"Bearer {token_of(a_client(), seconds=-1)}").status_code == 401

    @pytest.mark.parametrize(
        ("function", "header"), [("opaque_token", "Bearer {}"), ("client_of_signed_token", "JWT {}")]
    )
    def test_a_token_that_the_lms_stumbles_over(
        self, monkeypatch: pytest.MonkeyPatch, function: str, header: str
    ) -> None:
        """It is no good; but a database that is away has said nothing about it."""
        application = a_client()
        token = token_of(application) if function == "opaque_token" else signed(application).removeprefix("JWT ")
        unread = PlatformUnavailable("the token")
        monkeypatch.setattr(edx_platform, function, Mock(side_effect=unread))
        assert answer_of(header.format(token)).status_code == 401
        unread.__cause__ = OperationalError(1205, "Lock wait timeout exceeded")
        with pytest.raises(PlatformUnavailable):
            answer_of(header.format(token))

    def test_an_expired_signed_token(self) -> None:
        application = a_client()
        with time_machine.travel("2026-01-01T00:00:00Z", tick=False):
            header = signed(application)
        with time_machine.travel("2026-01-01T01:00:02Z", tick=False):
            assert answer_of(header).status_code == 401

    @pytest.mark.parametrize("keys", [None, "", "rsa"])
    def test_a_signed_token_that_was_changed(self, settings: Any, keys: str | None) -> None:
        settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": rsa_keys()[1] if keys else keys}
        header = signed(a_client())
        head, claims, signature = header.split(".")
        assert answer_of(f"{head}.{claims}.{signature[:-4]}AAAA").status_code == 401
        assert answer_of(header).status_code == 200

    @pytest.mark.parametrize("keys", [None, "rsa"])
    @pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512"])
    def test_a_signed_token_of_somebody_else(self, settings: Any, keys: str | None, algorithm: str) -> None:
        settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": rsa_keys()[1] if keys else None}
        genuine = signed(a_client()).removeprefix("JWT ")
        claims = jwt.decode(genuine, options={"verify_signature": False})
        key = {"none": None, "HS256": "k" * 40, "RS512": rsa_keys("somebody")[0]}[algorithm]
        assert answer_of(f"JWT {jwt.encode(claims, key, algorithm=algorithm)}").status_code == 401

    def test_a_signed_token_made_with_the_public_key(self, settings: Any) -> None:
        """What everybody may know is no secret, in whatever form PyJWT may take it for one."""
        private, key_set = rsa_keys()
        settings.JWT_AUTH = {**settings.JWT_AUTH, "JWT_PUBLIC_SIGNING_JWK_SET": key_set}
        genuine = signed(a_client()).removeprefix("JWT ")
        header = segment(b'{"alg":"HS256","typ":"JWT"}')
        public, info = private.public_key(), PublicFormat.SubjectPublicKeyInfo
        jwk = json.dumps(json.loads(key_set)["keys"][0]).encode()
        pem = public.public_bytes(Encoding.PEM, info)
        for secret in (pem, b" " + pem, public.public_bytes(Encoding.DER, info), jwk, key_set.encode(), b""):
            text = f"{header}.{genuine.split('.')[1]}"
            made = segment(hmac.digest(secret, text.encode(), hashlib.sha256))
            assert answer_of(f"JWT {text}.{made}").status_code == 401

    @pytest.mark.parametrize("part", ["header", "claims"])
    def test_a_signed_token_that_is_nested_without_end(self, part: str) -> None:
        """As deep as a token can be: Python's reader of JSON gives up with an error that is no ValueError."""
        a_client()
        deep = segment(b"[" * 5900)
        parts = [segment(b'{"alg":"HS256"}'), deep] if part == "claims" else [deep, "e30"]
        assert answer_of(f"JWT {'.'.join(parts)}.c2ln").status_code == 401

    def test_no_keys_at_all(self, settings: Any) -> None:
        header = signed(a_client())
        without = {"JWT_SECRET_KEY": "", "JWT_ISSUERS": [{**settings.JWT_AUTH["JWT_ISSUERS"][0], "SECRET_KEY": ""}]}
        settings.JWT_AUTH = {**settings.JWT_AUTH, **without}
        assert answer_of(header).status_code == 401

    @both_forms
    def test_an_inactive_service_user(self, form: Callable[..., str]) -> None:
        application = a_client()
        header = form(application)
        get_user_model().objects.filter(pk=application.user_id).update(is_active=False)
        response = answer_of(header)
        assert response.status_code == 401
        assert application.user.username.encode() not in response.content

    @both_forms
    def test_a_deleted_service_user(self, form: Callable[..., str]) -> None:
        application = a_client()
        header = form(application)
        application.user.delete()
        assert answer_of(header).status_code == 401

    def test_a_restricted_application_with_an_opaque_token(self) -> None:
        application = a_client()
        restrict(application)
        assert answer_of(opaque(application)).status_code == 401


class TestNotAllowed:
    """403: known, and not allowed."""

    @both_forms
    def test_an_application_that_nobody_named(self, form: Callable[..., str]) -> None:
        assert answer_of(form(an_application())).status_code == 403

    @both_forms
    def test_a_client_that_is_switched_off(self, form: Callable[..., str]) -> None:
        assert answer_of(form(a_client(enabled=False))).status_code == 403

    def test_a_new_client_is_off(self) -> None:
        assert PullClient(site_id=1, client_id="new").enabled is False

    @both_forms
    def test_the_plugin_is_switched_off(self, settings: Any, form: Callable[..., str]) -> None:
        settings.PERCIPIO_ENABLED = False
        assert answer_of(form(a_client())).status_code == 403

    @both_forms
    def test_another_scope(self, form: Callable[..., str]) -> None:
        response = answer_of(form(a_client(scopes=("read", PULL_SCOPE)), "read"))
        assert (response.status_code, response.json()) == (
            403,
            {"problem": f"The token lacks the scope {PULL_SCOPE}."},
        )

    @both_forms
    def test_at_another_sites_address(self, form: Callable[..., str]) -> None:
        other = Site.objects.create(domain="other.example.com", name="other")
        header = form(a_client(site_id=other.pk))
        assert answer_of(header).status_code == 403
        assert answer_of(header, Host="other.example.com").status_code == 200

    @pytest.mark.parametrize(
        ("domain", "host", "status"),
        [
            ("other.example.com", "other.example.com:443", 200),
            ("other.example.com", "other.example.com:8000", 200),
            ("other.example.com", "OTHER.example.com.:8000", 200),
            ("other.example.com:8000", "other.example.com:8000", 200),
            ("other.example.com:8000", "other.example.com", 200),
            ("other.example.com:8000", "other.example.com:443", 200),
            ("192.0.2.7", "192.0.2.7:8000", 200),
            ("[2001:db8::7]", "[2001:db8::7]:8000", 200),
            ("other.example.com", "example.com:8000", 403),
            ("other.example.com", "another.example.com:8000", 403),
            ("other.example.com", "other.example.com.evil:8000", 403),
            ("o%er.example.com", "other.example.com:8000", 403),
        ],
    )
    def test_a_site_is_found_whatever_port_stands_in_the_host(self, domain: str, host: str, status: int) -> None:
        """Its own client may read there, and the default site's may not."""
        other = Site.objects.create(domain=domain, name="other")
        own, foreign = opaque(a_client(site_id=other.pk)), opaque(a_client("default"))
        assert answer_of(own, Host=host).status_code == status
        assert answer_of(foreign, Host=host).status_code == (200 if status == 403 else 403)

    def test_two_sites_at_two_ports_of_one_name(self) -> None:
        first, second = (Site.objects.create(domain=f"lms.local:{port}", name="x") for port in (8000, 8001))
        header = opaque(a_client(site_id=second.pk))
        assert answer_of(header, Host="lms.local:8001").status_code == 200
        assert answer_of(header, Host="lms.local:8000").status_code == 403
        assert answer_of(opaque(a_client("first", site_id=first.pk)), Host="lms.local:8000").status_code == 200
        # It may be either of them, so it is neither.
        assert answer_of(header, Host="lms.local").status_code == 403

    def test_a_restricted_applications_opaque_token_that_outlived_the_restriction(self) -> None:
        application = a_client()
        header = opaque(application)
        restrict(application)
        assert answer_of(header).status_code == 403

    def test_a_learners_token_of_the_same_application(self) -> None:
        application = a_client()
        learner = get_user_model().objects.create_user("learner")
        header = f"Bearer {token_of(application, user=learner)}"
        assert answer_of(header).status_code == 403

    @pytest.mark.parametrize("grant_type", [Application.GRANT_AUTHORIZATION_CODE, Application.GRANT_PASSWORD])
    def test_an_application_of_another_grant_type(self, grant_type: str) -> None:
        application = a_client(authorization_grant_type=grant_type)
        assert answer_of(f"Bearer {token_of(application)}").status_code == 403

    def test_a_signed_token_of_a_person_who_logged_in(self) -> None:
        application = a_client()
        header = f"JWT {_jwt_of(application.user, 'password')}"
        assert answer_of(header).status_code == 403

    def test_a_token_whose_application_is_gone(self) -> None:
        application = a_client()
        header = f"Bearer {token_of(application)}"
        AccessToken.objects.update(application=None)
        assert answer_of(header).status_code == 403


def _jwt_of(user: Any, grant_type: str) -> str:
    from openedx.core.djangoapps.oauth_dispatch.jwt import create_jwt_for_user

    made = create_jwt_for_user(user, scopes=[PULL_SCOPE], filters=[], is_restricted=False, grant_type=grant_type)
    token: str = made["access_token"]
    return token


class TestWhichApplication:
    """A signed token names its user only, so it is taken only where that leaves no doubt."""

    @pytest.fixture
    def on(self) -> Application:
        """A client that may read."""
        return a_client("on")

    @pytest.mark.parametrize("what", ["enabled", "switched off", "never named", "of another site"])
    def test_whose_user_owns_another_application(self, on: Application, what: str) -> None:
        """Whatever the other one is: either token may be of either."""
        if what == "never named":
            other = an_application("other", user=on.user)
        else:
            site = Site.objects.create(domain="other.example.com", name="other")
            site_id = site.pk if what == "of another site" else 1
            other = a_client("other", site_id=site_id, user=on.user, enabled=what != "switched off")
        for application in (on, other):
            answer = answer_of(signed(application))
            assert answer.status_code == 403
            assert "does not say which application" in answer.json()["problem"]
        assert answer_of(opaque(on)).status_code == 200
        assert PullAudit.objects.values_list("client_id", flat=True).distinct().get() == on.client_id

    @pytest.mark.parametrize("grant_type", [Application.GRANT_AUTHORIZATION_CODE, Application.GRANT_PASSWORD])
    def test_whose_user_owns_an_application_of_another_kind(self, on: Application, grant_type: str) -> None:
        """It may have been of client credentials when the token was issued."""
        an_application("other", user=on.user, authorization_grant_type=grant_type)
        assert answer_of(signed(on)).status_code == 403

    def test_of_an_application_that_has_been_deleted(self, on: Application) -> None:
        deleted = a_client("deleted", user=on.user)
        header = signed(deleted)
        deleted.delete()
        assert answer_of(header).status_code == 403
        assert answer_of(signed(on)).status_code == 200

    def test_of_an_application_that_has_another_user_now(self, on: Application) -> None:
        moved = a_client("moved", user=on.user)
        header = signed(moved)
        moved.user = get_user_model().objects.create_user("somebody")
        moved.save()
        assert answer_of(header).status_code == 403

    def test_of_an_application_that_is_of_client_credentials_no_more(self, on: Application) -> None:
        header = signed(on)
        on.authorization_grant_type = Application.GRANT_PASSWORD
        on.save()
        assert answer_of(header).status_code == 403

    def test_whose_user_has_taken_the_name_of_another(self, on: Application) -> None:
        header, service = signed(on), on.user
        get_user_model().objects.filter(pk=service.pk).update(username="renamed")
        heir = get_user_model().objects.create_user(service.username)
        a_client("heir", user=heir)
        assert answer_of(header).status_code == 403

    def test_that_was_taken_back(self, on: Application) -> None:
        """Deleting the application's tokens in the LMS's admin ends signed ones as well."""
        header = signed(on)
        assert answer_of(header).status_code == 200
        AccessToken.objects.filter(application=on).delete()
        assert answer_of(header).status_code == 403

    @pytest.mark.parametrize(
        "changes", [{"scopes": [PULL_SCOPE, "read"]}, {"grant_type": ""}, {"iat": 1}, {"iat": True}, {"iat": -(10**15)}]
    )
    def test_that_the_lms_has_no_record_of(self, on: Application, changes: dict[str, Any]) -> None:
        """Made with the LMS's key by other code, for a user and for no application."""
        assert answer_of(_changed(signed(on), **changes)).status_code in (401, 403)

    def test_a_client_that_is_switched_off_or_removed(self, on: Application) -> None:
        for form in (signed, opaque):
            PullClient.objects.update(enabled=True)
            header = form(on)
            assert answer_of(header).status_code == 200
            PullClient.objects.update(enabled=False)
            assert answer_of(header).status_code == 403
        PullClient.objects.all().delete()
        assert answer_of(header).status_code == 403


class TestLimits:
    """A token that is limited to a part of the site is good for none of it: the limits are not applied here."""

    @pytest.mark.parametrize("filters", [["content_org:DemoX"], ["content_org:DemoX", "content_org:Other"], ["x:y"]])
    @both_forms
    def test_an_application_with_filters(self, form: Callable[..., str], filters: list[str]) -> None:
        application = a_client()
        ApplicationAccess.objects.update(filters=filters)
        response = answer_of(form(application))
        assert response.status_code == 403
        assert response.json()["problem"].startswith(f"This application is limited to {', '.join(filters)};")

    def test_a_token_that_outlived_its_filters(self) -> None:
        application = a_client()
        ApplicationAccess.objects.update(filters=["content_org:DemoX"])
        header = signed(application)
        ApplicationAccess.objects.update(filters=[])
        assert answer_of(header).status_code == 403
        assert answer_of(signed(application)).status_code == 200

    @pytest.mark.parametrize("claim", [["user:me"], "content_org:DemoX", {"content_org": "DemoX"}, [1], 1])
    def test_a_claim_of_any_form(self, claim: Any) -> None:
        assert answer_of(_changed(signed(a_client()), filters=claim)).status_code == 403

    @pytest.mark.parametrize("claim", [[], None])
    def test_no_limit(self, claim: Any) -> None:
        assert answer_of(_changed(signed(a_client()), filters=claim)).status_code == 200


def _changed(header: str, **claims: Any) -> str:
    """A signed token with other claims, signed with the LMS's own key."""
    from django.conf import settings

    given = jwt.decode(header.removeprefix("JWT "), options={"verify_signature": False})
    made = jwt.encode({**given, **claims}, settings.JWT_AUTH["JWT_SECRET_KEY"], algorithm="HS256")
    return f"JWT {made}"


class TestSites:
    """One site's puller sees that site's statements only."""

    @pytest.fixture
    def other(self) -> Site:
        return Site.objects.create(domain="other.example.com", name="other")

    def test_lists_and_ids(self, puller: Puller, other: Site) -> None:
        ours, theirs = add(1), add(1, site_id=other.pk)
        assert puller.ids() == [str(ours.uuid)]
        assert puller.ids(registration=theirs.registration) == []
        assert puller.get({"statementId": theirs.uuid}).status_code == 404

    def test_the_rest_of_anothers_answer(self, puller: Puller, other: Site) -> None:
        for learner in (1, 2):
            add(learner, site_id=other.pk)
        theirs = Puller(a_client("other", site_id=other.pk))
        theirs.headers["Host"] = "other.example.com"
        more = json.loads(theirs.get({"limit": 1}).content)["more"]
        assert puller.fetch(more).status_code == 400
        assert theirs.fetch(more).status_code == 200


class TestAudit:
    """Every pull leaves a row, that names nobody."""

    def test_what_is_kept(self, puller: Puller) -> None:
        add(1)
        with time_machine.travel("2026-04-01T00:00:00Z", tick=False):
            token_of(Application.objects.get())
            puller.get({"agent": '{"mbox":"mailto:learner1@example.com"}', "limit": 5})
        columns = ("site_id", "client_id", "method", "asked", "status", "statements", "at")
        (row,) = PullAudit.objects.values_list(*columns)
        moment = datetime(2026, 4, 1, tzinfo=UTC)
        assert row == (1, "client-percipio", "GET", "agent,limit", 200, 1, moment)

    def test_also_of_what_was_refused(self, puller: Puller) -> None:
        puller.get({"Verb": "x", "secret@example.com": "1"})
        puller.get({"statementId": "00000000-0000-4000-8000-000000000000"}, method="HEAD")
        puller.get(method="POST")
        PullClient.objects.update(enabled=False)
        puller.get()
        rows = PullAudit.objects.order_by("pk").values_list("method", "asked", "status", "statements")
        assert list(rows) == [
            ("GET", "?", 400, 0),
            ("HEAD", "statementId", 404, 0),
            ("POST", "", 405, 0),
            ("GET", "", 403, 0),
        ]

    def test_strangers_leave_none(self) -> None:
        answer_of(None)
        answer_of(opaque(an_application()))
        assert PullAudit.objects.count() == 0


def test_throttled(puller: Puller, settings: Any) -> None:
    settings.PERCIPIO_PULL_RATE = "2/hour"
    other = Puller(a_client("other"))
    assert [puller.get().status_code for _ in range(3)] == [200, 200, 429]
    assert 3500 < int(puller.get()["Retry-After"]) <= 3600
    assert other.get().status_code == 200
    assert PullAudit.objects.count() == 3


@pytest.mark.parametrize(
    ("rate", "found"),
    [("120/minute", []), ("", []), (None, []), ("0/minute", ["percipio.W003"]), (120, ["percipio.W003"])],
)
def test_a_rate_that_is_none_is_found_by_the_checks(settings: Any, rate: Any, found: list[str]) -> None:
    settings.PERCIPIO_PULL_RATE = rate
    assert [message.id for message in check_settings(None) if message.id == "percipio.W003"] == found


def test_no_cookie_is_set_and_nothing_is_cached(puller: Puller) -> None:
    response = puller.get()
    assert (dict(response.cookies), response["Cache-Control"]) == ({}, "no-store")
