"""Thousands of questions that nobody should ask: refused or answered, never an error of ours, never another's row."""

from __future__ import annotations

import json
import os
import string
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.sites.models import Site
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from percipio_openedx.data import Kind
from percipio_openedx.exceptions import QueryError
from percipio_openedx.lrs.parameters import MORE, PARAMETERS, query_of, single_values
from percipio_openedx.lrs.query import MOST
from percipio_openedx.models import Statement
from percipio_openedx.statements.vocabulary import VERBS
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import COURSE, TEACHER, a_client, actor_of, add, course_id

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unthrottled")]

# ``PERCIPIO_TEST_EXAMPLES=2000`` makes ten thousand requests of it, in minutes.
thorough = settings(
    max_examples=int(os.environ.get("PERCIPIO_TEST_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

junk = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["", "null", "true", "False", "0", "-1", "1e3", "NaN", "[]", "{}", '"', "\x00", "%00", "'; --", "../"]
    ),
    st.text(alphabet="[{", max_size=3000),
    st.floats().map(str),
    st.integers().map(str),
    st.datetimes().map(str),
)
iris = st.sampled_from([VERBS[Kind.STARTED], VERBS[Kind.RETRACTED], course_id(1), COURSE.format(number=1), "urn:x:y"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
agents = st.one_of(
    st.sampled_from([actor_of(1), actor_of(2), TEACHER]),
    st.fixed_dictionaries(
        {},
        optional={
            "objectType": st.sampled_from(["Agent", "Group", "Activity", 1]),
            "mbox": st.sampled_from(["mailto:a@example.com", "a@example.com", "mailto:\ud800@example.com", 5]),
            "mbox_sha1sum": st.text(alphabet=string.hexdigits, min_size=38, max_size=42),
            "openid": iris,
            "account": st.fixed_dictionaries({"homePage": iris, "name": st.text(max_size=5)}),
            "member": st.lists(st.just({"mbox": "mailto:a@example.com"}), max_size=2),
            "name": json_values,
        },
    ),
    json_values,
).map(json.dumps)
times = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,12})?(Z|[+-][0-9]{2}:?[0-9]{2})?", fullmatch=True
)
flags = st.sampled_from(["true", "false"])
likely = {
    "statementId": st.uuids().map(str),
    "voidedStatementId": st.uuids().map(str),
    "agent": agents,
    "verb": iris,
    "activity": iris,
    "registration": st.uuids().map(str),
    "related_activities": flags,
    "related_agents": flags,
    "since": times,
    "until": times,
    "limit": st.integers(0, 1000).map(str),
    "format": st.sampled_from(["ids", "exact", "canonical"]),
    "attachments": flags,
    "ascending": flags,
    MORE: st.text(alphabet=string.ascii_letters + string.digits + "-_.:", max_size=200),
}
names = st.sampled_from(sorted(likely))
pair = names.flatmap(lambda name: st.tuples(st.just(name), likely[name]))
odd_pair = st.tuples(names | names.map(str.upper) | st.text(max_size=12), junk)
headers = st.fixed_dictionaries(
    {},
    optional={
        "Accept-Language": st.text(alphabet=string.printable.strip() + " ", max_size=60),
        "Accept": st.text(alphabet=string.printable.strip() + " ", max_size=30),
        "X-Experience-API-Version": st.sampled_from(["1.0.3", "1.0", "2.0.0", ""]),
    },
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


@settings(max_examples=500, deadline=None)
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
