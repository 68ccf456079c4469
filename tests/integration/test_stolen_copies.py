"""Who has a copy of the database and of the cache, and every key that is public or was given up, has no secret."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.contrib.auth import get_user_model
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from percipio_openedx import config, encryption
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.tokens import Tokens
from percipio_openedx.models import PercipioConfiguration
from percipio_sandbox import Sandbox
from tests.integration import dump

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = "canary-of-the-copy-6e20"
FIRST, SECOND = "first text of keys 0d84be", "second text of keys 91f7aa"
# Whatever stands in public: edx-platform's settings, this repository, the documentation of Django.
PUBLIC = (
    *("DUMMY KEY CHANGE BEFORE GOING TO PRODUCTION", "insecure-secret-key", "dev key"),
    *("85920908f28904ed733fe576320db18cabd7b6cd", "demo-only-key-never-use-it-for-a-real-site", ""),
)


@pytest.fixture(autouse=True)
def _forget() -> Any:
    tokens._memory.clear()
    yield
    tokens._memory.clear()


@pytest.fixture
def site(sandbox: Sandbox, settings: Any) -> Sandbox:
    """A site whose account stands in the database, and whose token is in the cache."""
    settings.PERCIPIO_ENCRYPTION_KEYS = [FIRST]
    PercipioConfiguration.objects.create(
        site=Site.objects.get(pk=1),
        enabled=True,
        region="custom",
        api_url=sandbox.url,
        token_url=sandbox.token_url,
        partner_name="acme",
        client_id="acme-client",
        client_secret=SECRET,
        learners="all",
    )
    return sandbox


def token() -> str:
    """The site's token, fetched or from the cache."""
    configuration = config.for_site(1)
    assert configuration is not None
    return Tokens(configuration).current().reveal()


def derived(text: str, salt: bytes | None, info: bytes) -> bytes:
    key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(text.encode())
    return base64.urlsafe_b64encode(key)


def ciphers(texts: Iterable[str]) -> list[Fernet]:
    """What can be made of some texts: by this package, by django-fernet-fields, and without any art."""
    keys = []
    for text in texts:
        keys.append(derived(text, None, encryption._INFO))
        keys.append(derived(text, b"django-fernet-fields-hkdf-salt", b"django-fernet-fields"))
        keys.append(base64.urlsafe_b64encode(text.encode().ljust(32, b"\0")[:32]))
    return [Fernet(key) for key in keys]


def opened(texts: Iterable[str], values: Iterable[bytes]) -> list[bytes]:
    """What these keys open of what was found."""
    found = []
    kept = list(values)
    for cipher in ciphers(texts):
        for value in kept:
            try:
                found.append(cipher.decrypt(value))
            except (InvalidToken, TypeError):
                continue
    return found


def test_what_is_public_opens_nothing(site: Sandbox, settings: Any) -> None:
    settings.FERNET_KEYS = [PUBLIC[0]]
    bearer = token()
    copy = dump.everything()

    assert [value for value in copy if SECRET.encode() in value or bearer.encode() in value] == []
    assert opened(PUBLIC, copy) == []
    # They are there to be found by whoever has the key.
    assert SECRET.encode() in opened([FIRST], copy)
    assert any(bearer.encode() in value for value in opened([FIRST], copy))


@pytest.mark.parametrize("own", [[], None])
def test_nor_does_it_where_the_lms_s_secret_key_is_all_there_is(site: Sandbox, settings: Any, own: Any) -> None:
    settings.FERNET_KEYS = [PUBLIC[0]]
    settings.PERCIPIO_ENCRYPTION_KEYS, settings.SECRET_KEY = own, SECOND
    row = PercipioConfiguration.objects.get()
    row.client_secret = SECRET
    row.save()
    token()

    copy = dump.everything()
    assert opened(PUBLIC, copy) == []
    assert opened([FIRST], copy) == []
    assert len(opened([SECOND], copy)) == 2


def test_with_a_public_key_nothing_is_stored_at_all(site: Sandbox, settings: Any) -> None:
    PercipioConfiguration.objects.all().delete()
    settings.PERCIPIO_ENCRYPTION_KEYS, settings.SECRET_KEY = [], PUBLIC[0]
    settings.PERCIPIO_REGION, settings.PERCIPIO_API_URL = "custom", site.url
    settings.PERCIPIO_TOKEN_URL = site.token_url
    settings.PERCIPIO_PARTNER_NAME = settings.PERCIPIO_CLIENT_ID = "acme"
    settings.PERCIPIO_LEARNERS = "all"
    settings.PERCIPIO_CLIENT_SECRET = SECRET

    # Reporting goes on: each process has a token of its own.
    assert token() == token()
    assert opened(PUBLIC, dump.everything()) == []


def test_a_key_that_was_given_up_opens_nothing_after_each_secret_is_saved_anew(site: Sandbox, settings: Any) -> None:
    token()
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND, FIRST]
    assert config.for_site(1) is not None
    tokens._memory.clear()
    token()
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("root", "root@example.com", "edx"))
    # An operator opens the newest version and saves it as it is.
    row = PercipioConfiguration.objects.get()
    page = reverse("admin:percipio_openedx_percipioconfiguration_add")
    form = client.get(page, {"source": row.pk}).context["adminform"].form
    given = {form.add_prefix(name): form[name].value() for name in form.fields}
    answer = client.post(page, {name: str(value) for name, value in given.items() if value not in (None, "")})
    assert answer.status_code == 302, answer.context["errors"]

    assert PercipioConfiguration.objects.count() == 2
    copy = dump.everything()
    assert opened([FIRST], copy) == []
    assert SECRET.encode() in opened([SECOND], copy)
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND]
    found = config.for_site(1)
    assert found is not None
    assert found.client_secret.reveal() == SECRET


def test_a_token_of_an_older_key_is_replaced_by_the_next_one(site: Sandbox, settings: Any) -> None:
    first = token()
    tokens._memory.clear()
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND, FIRST]

    assert token() != first
    assert opened([FIRST], (value for _key, value in dump.cached())) == []


def test_a_secret_that_is_kept_by_many_versions_is_stored_once(site: Sandbox) -> None:
    for name in ("one", "two", "three"):
        row = PercipioConfiguration.newest(1)
        assert row is not None
        row.partner_name = name
        row.save()

    assert opened([FIRST], (value for _table, _column, value in dump.tables())) == [SECRET.encode()]
    rows = PercipioConfiguration.objects.order_by("pk")
    assert [bool(row.client_secret) for row in rows] == [False, False, False, True]


def test_another_site_s_secret_stays(site: Sandbox) -> None:
    other = Site.objects.create(domain="other.example.com", name="other")
    PercipioConfiguration.objects.create(site=other, enabled=True, client_id="c", client_secret="of another site")
    row = PercipioConfiguration.newest(1)
    assert row is not None
    row.save()

    assert {each.client_secret.reveal() for each in PercipioConfiguration.objects.current_set()} == {
        SECRET,
        "of another site",
    }


def test_a_clock_that_was_ahead_once_does_not_keep_an_older_version_in_force(site: Sandbox) -> None:
    PercipioConfiguration.objects.update(change_date="2099-01-01T00:00Z")
    row = PercipioConfiguration.newest(1)
    assert row is not None
    row.partner_name = "renamed"
    row.save()

    found = config.for_site(1)
    assert found is not None
    assert (found.partner, found.client_secret.reveal()) == ("renamed", SECRET)


def test_what_is_exported_holds_no_secret(site: Sandbox) -> None:
    out = StringIO()
    call_command("dumpdata", "percipio_openedx.percipioconfiguration", stdout=out)
    assert "acme-client" in out.getvalue()
    assert opened([FIRST], [part.encode() for part in out.getvalue().split('"')]) == []
    assert SECRET not in out.getvalue()
