"""A site's own configuration: what counts, and that its secret lies nowhere in clear."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.core.cache import cache
from django.db import connection

from percipio_openedx import config
from percipio_openedx.config.site import REGIONS
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models import PercipioConfiguration

pytestmark = pytest.mark.django_db(transaction=True)

CANARY = "canary-secret-4c1d"


@pytest.fixture
def site() -> Any:
    return Site.objects.create(domain="campus.example.com", name="Campus")


def configure(site: Any, **fields: Any) -> PercipioConfiguration:
    given = {"partner_name": "campus", "client_id": "campus-client", "client_secret": CANARY, "learners": "all"}
    return PercipioConfiguration.objects.create(site=site, enabled=True, **{**given, **fields})


def test_the_newest_version_counts_at_once(site: Any) -> None:
    configure(site)
    configure(site, partner_name="renamed")
    found = config.for_site(site.pk)
    assert found is not None
    assert found.partner == "renamed"
    assert PercipioConfiguration.objects.filter(site=site).count() == 2


def test_a_field_left_empty_is_as_the_setting_says(site: Any, settings: Any) -> None:
    settings.PERCIPIO_REGION, settings.PERCIPIO_LEARNER_ID = "eu", "username"
    settings.PERCIPIO_ORGANIZATION_ID = "the-settings-organization"
    configure(site, progress_step=25)
    found = config.for_site(site.pk)
    assert found is not None
    assert (found.learner_id, found.policy.progress_step) == ("username", 25)
    assert found.api_url == REGIONS["eu"][0]
    # Credentials and organization come from one place.
    assert found.organization == ""


def test_an_own_address_is_not_mixed_with_the_settings(site: Any, settings: Any) -> None:
    settings.PERCIPIO_REGION = "custom"
    settings.PERCIPIO_API_URL, settings.PERCIPIO_TOKEN_URL = "https://other.example", "https://other.example/token"
    configure(site, region="eu")
    found = config.for_site(site.pk)
    assert found is not None
    assert (found.api_url, found.token_url) == REGIONS["eu"]


def test_no_row_and_no_settings_is_no_configuration(site: Any) -> None:
    assert config.for_site(site.pk) is None


def test_the_secret_is_encrypted_in_the_database_and_in_no_cache(site: Any) -> None:
    row = configure(site)
    assert config.for_site(site.pk) is not None
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT client_secret FROM {row._meta.db_table}")
        stored = bytes(cursor.fetchone()[0])
    assert stored
    assert CANARY.encode() not in stored
    kept = getattr(cache, "_cache", {})
    assert all(CANARY.encode() not in pickle.dumps(value) for value in kept.values())
    assert CANARY not in repr(row) + str(row)


def test_a_secret_that_cannot_be_decrypted_is_a_mistake_with_a_mend(site: Any) -> None:
    row = configure(site)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {row._meta.db_table} SET client_secret = %s", [b"written with another key"])
    with pytest.raises(PercipioConfigurationError, match="type it again in the configuration"):
        config.for_site(site.pk)
