"""One token for all, encrypted where it is shared."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import cache

from percipio_openedx import config
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.outcomes import DeliveryError
from percipio_openedx.delivery.tokens import Tokens
from percipio_openedx.encryption import Secret
from percipio_openedx.enums import Outcome
from percipio_sandbox import Sandbox

pytestmark = pytest.mark.django_db


def tokens_of_site() -> Tokens:
    """Those of the default site."""
    configuration = config.for_site(1)
    assert configuration is not None
    return Tokens(configuration)


def fetches(sandbox: Sandbox) -> int:
    """How often the token endpoint was asked."""
    return sum(request.path.endswith("/token") for request in sandbox.requests)


def test_shared_by_processes_through_the_cache(site: Sandbox) -> None:
    first = tokens_of_site().current()
    tokens._memory.clear()  # as another process sees it
    assert tokens_of_site().current() == first
    assert fetches(site) == 1


def test_nothing_of_it_is_readable_in_the_cache(site: Sandbox) -> None:
    value = tokens_of_site().current().reveal()
    stored = {key: held for key, held in cache._cache.items() if "token" in key}  # type: ignore[attr-defined]
    assert len(stored) == 1
    assert all(value.encode() not in held and b"canary" not in held for held in stored.values())
    assert all("canary" not in key and "client" not in key for key in stored)


def test_without_a_working_cache_the_process_remembers(site: Sandbox, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    assert tokens_of_site().current() == tokens_of_site().current()
    assert fetches(site) == 1


def test_after_the_keys_have_changed_a_new_one_is_fetched(site: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens_of_site().current()
    tokens._memory.clear()
    for key in list(cache._cache):  # type: ignore[attr-defined]
        cache.set(key.split(":", 2)[2], b"sealed with another key")
    tokens_of_site().current()
    assert fetches(site) == 2


def test_a_refused_token_is_dropped_unless_replaced_already(site: Sandbox) -> None:
    shared = tokens_of_site()
    old = shared.current()
    shared.refused(old)
    new = shared.current()
    shared.refused(old)  # a slower worker's
    assert (new != old, shared.current() == new, fetches(site)) == (True, True, 2)


def test_another_secret_is_another_token(site: Sandbox, configured: Any) -> None:
    tokens_of_site().current()
    configured(site, CLIENT_SECRET="another")
    tokens_of_site().current()
    assert fetches(site) == 2


@pytest.mark.parametrize(
    ("said", "life"),
    [(36000, 36000.0), ("600", 600.0), (10.5, 10.5), (10**12, 86400.0)]
    + [(odd, 300.0) for odd in (None, "", "soon", 0, -5, True, [], "nan", "inf", 10**400)],
)
def test_the_life_of_a_token(said: Any, life: float) -> None:
    assert tokens._life(said) == life


@pytest.mark.parametrize("scenario", ["token-no-lifetime", "token-text-lifetime", "ok"])
def test_it_is_refreshed_a_little_before_its_end(site: Sandbox, scenario: str) -> None:
    site.set_scenario(scenario)
    configuration = config.for_site(1)
    assert configuration is not None
    token = tokens.fetch(configuration)
    life = 300 if scenario == "token-no-lifetime" else 36000
    assert life - 61 < token.until - time.time() < life - 29


@pytest.mark.parametrize(
    ("scenario", "outcome"),
    [
        ("token-refused", Outcome.UNAUTHORIZED),
        ("token-html", Outcome.LATER),
        ("token-500", Outcome.LATER),
        ("outage:60", Outcome.LATER),
    ],
)
def test_refusals(site: Sandbox, scenario: str, outcome: Outcome) -> None:
    site.set_scenario(scenario)
    with pytest.raises(DeliveryError) as error:
        tokens_of_site().current()
    assert error.value.answer.outcome is outcome
    assert error.value.answer.status is not None
    assert error.value.answer.is_of_token


@pytest.mark.parametrize("value", ["", "with space", "line\nbreak", "tëxt", "\x7f"])
def test_what_cannot_stand_in_a_header_is_no_token(value: str) -> None:
    assert tokens._is_token(value) is False


def test_threads_that_find_none_together_fetch_one(site: Sandbox) -> None:
    shared = tokens_of_site()
    with ThreadPoolExecutor(8) as threads:
        found = {future.result() for future in [threads.submit(shared.current) for _ in range(8)]}

    assert (len(found), fetches(site)) == (1, 1)


def test_neither_shows_itself(site: Sandbox) -> None:
    token = tokens.Token(Secret("canary"), 1.0)
    assert "canary" not in repr(token) + str(token)
