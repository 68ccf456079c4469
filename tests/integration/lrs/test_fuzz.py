"""Thousands of questions that nobody should ask: refused or answered, never an error of ours, never another's row."""

from __future__ import annotations

import os
import string
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.sites.models import Site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.proof.questions import headers, likely, odd_pair, pair
from percipio_openedx.enums import Kind
from percipio_openedx.exceptions import QueryError
from percipio_openedx.lrs.query import MORE, MOST, PARAMETERS, query_of, single_values
from percipio_openedx.models import Statement
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import a_client, add

pytestmark = [pytest.mark.slow, pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

# ``PERCIPIO_TEST_EXAMPLES=2000`` makes ten thousand requests of it, in minutes.
thorough = settings(
    max_examples=int(os.environ.get("PERCIPIO_TEST_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def full(puller: Puller) -> Puller:
    """A site with statements of every sort, beside another with the same."""
    other = Site.objects.create(domain="other.example.com", name="other")
    for site_id in (1, other.pk):
        completed = add(1, 1, Kind.COMPLETED, site_id=site_id)
        add(1, 1, Kind.RETRACTED, retracts=completed, site_id=site_id)
        add(2, 1, Kind.STARTED, site_id=site_id)
    return puller


def check(response: Any, allowed: set[int]) -> None:
    """An answer that may be given, and nobody else's statement in it."""
    assert response.status_code in allowed, response.content
    assert response["X-Experience-API-Version"] == "1.0.3"
    assert response["X-Experience-API-Consistent-Through"].endswith("Z")
    for uuid in _theirs():
        assert uuid not in response.content
    if response.status_code == 400:
        assert set(response.json()) in ({"parameter", "problem"}, {"problem"})


def _theirs() -> list[bytes]:
    rows = Statement.objects.exclude(site_id=1).values_list("uuid", flat=True)
    return [str(uuid).encode() for uuid in rows]


@thorough
@given(pairs=st.lists(pair, max_size=5), headers=headers)
def test_questions_that_are_almost_right(full: Puller, pairs: list[tuple[str, str]], headers: dict[str, str]) -> None:
    check(full.get(urlencode(pairs, errors="surrogatepass"), headers=headers), {200, 400, 404})


@thorough
@given(pairs=st.lists(pair | odd_pair, min_size=1, max_size=5))
def test_questions_that_are_wrong(full: Puller, pairs: list[tuple[str, str]]) -> None:
    check(full.get(urlencode(pairs, errors="surrogatepass")), {200, 400, 404})


@thorough
@given(query=st.binary(max_size=200))
def test_query_strings_of_any_bytes(full: Puller, query: bytes) -> None:
    check(full.get(quote(query, safe="%&=;+?/:@!$'()*,~-._")), {200, 400, 404})


@thorough
@given(
    authorization=st.text(alphabet=[chr(code) for code in range(1, 256)], max_size=80)
    | st.builds(
        "{} {}".format, st.sampled_from(["Bearer", "JWT", "bearer"]), st.text(alphabet=string.printable, max_size=80)
    )
)
def test_credentials_of_any_sort(full: Puller, authorization: str) -> None:
    check(full.get(headers={"Authorization": authorization}), {401})


@thorough
@given(method=st.sampled_from(["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"]), pairs=st.lists(pair))
def test_other_methods(full: Puller, method: str, pairs: list[tuple[str, str]]) -> None:
    response = full.get(urlencode(pairs, errors="surrogatepass"), method=method)
    check(response, {405})


@settings(max_examples=500)
@given(pairs=st.lists(pair | odd_pair, max_size=6))
def test_parameters_are_read_or_refused(pairs: list[tuple[str, str]]) -> None:
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    try:
        values = single_values(lists.items())
        values.pop(MORE, None)
        assert 0 < query_of(values).limit <= MOST
    except QueryError as error:
        assert error.parameter in (*likely, *lists, "(a parameter)")


def test_every_parameter_is_thrown() -> None:
    assert set(likely) == {*PARAMETERS, MORE}


def test_the_other_sites_rows_are_there_to_be_found() -> None:
    other = Site.objects.create(domain="other.example.com", name="other")
    row = add(1, site_id=other.pk)
    theirs = Puller(a_client("other", site_id=other.pk))
    theirs.headers["Host"] = "other.example.com"
    assert theirs.ids() == [str(row.uuid)]
