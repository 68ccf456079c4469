"""Hostile inputs for everything that reads what others wrote, and the errors that each reader may raise.

Used by the tests with some hundred examples each, and by ``python -m benchmarks.fuzz`` with as many as one likes. What
needs rows of a database is in ``hostile_pages``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from uuid import UUID, uuid5

from django.core.exceptions import ValidationError
from django.http import QueryDict
from hypothesis import strategies as st

from percipio_openedx import config
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.bodies import read
from percipio_openedx.delivery.exchange import Reply
from percipio_openedx.delivery.outcomes import Answer, DeliveryError, judge, outcome_of_answer, retry_after_of
from percipio_openedx.enums import Outcome
from percipio_openedx.exceptions import PercipioConfigurationError, QueryError
from percipio_openedx.lrs.query import MORE, PARAMETERS, query_of, read_more, single_values
from percipio_openedx.operations import course_overrides
from percipio_openedx.redaction import message_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)
UUIDS = [uuid5(UUID(int=1), str(number)) for number in range(4)]
IDS = [str(each) for each in UUIDS]


@dataclass(frozen=True)
class Target:
    """A reader, what it is given, and the typed errors that it may raise."""

    inputs: st.SearchStrategy[Any]
    read: Callable[[Any], object]
    errors: tuple[type[Exception], ...] = ()

    def try_one(self, given: Any) -> None:
        """Read one input; any error but the typed ones comes through."""
        try:
            self.read(given)
        except self.errors:
            return


_TEXT = st.text(max_size=60) | st.sampled_from(
    ["", "\x00", "\ud83d", "9" * 400, "\u202e", "NaN", "1e999", "-0", "%2e%2e"]
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(200, 600)
    | st.floats()
    | _TEXT
    | st.sampled_from([*IDS, IDS[0].upper(), "stored", "failed", "400", "ok"])
)
_WORDS = st.sampled_from(
    [
        *("id", "statementId", "index", "status", "statusCode", "success", "error", "errors", "message", "stored"),
        *("failed", "results", "statements", "access_token", "expires_in", "token_type", *IDS),
    ]
)
JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(_WORDS | _TEXT, inner, max_size=6),
    max_leaves=25,
)
_NESTED = st.builds(
    lambda sign, depth: sign * depth, st.sampled_from([b"[", b'{"errors":', b"[[{}"]), st.integers(1, 20000)
)
BODIES = (
    st.binary(max_size=200)
    | _NESTED
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.builds(lambda value, cut: json.dumps(value).encode()[:cut], JSON, st.integers(0, 80))
    | st.sampled_from([b"\xef\xbb\xbf[]", b"\xff\xfe[\x00]\x00", b"<html>no</html>", b"1" * 5000])
)
_NAMES = st.sampled_from([*PARAMETERS, MORE, "Since", "AGENT"]) | _TEXT
_VALUES = (
    _TEXT
    | st.sampled_from(
        [*IDS, "true", "0", "2026-02-30T25:61:61Z", "9999-12-31T23:59:59.999999+14:00", "0001-01-01T00:00:00-18:00"]
    )
    | JSON.map(json.dumps)
    | _NESTED.map(bytes.decode)
)
QUERIES = st.lists(st.tuples(_NAMES, _VALUES), max_size=5)
CSV = _TEXT | st.builds(
    lambda head, sign, rows, end: end.join([head, *(sign.join(row) for row in rows)]),
    st.sampled_from(
        ["course_key", "course_key,is_reported,content_id", "content_id;course_key", '"course_key', "\ufeffcourse_key"]
    ),
    st.sampled_from([",", ";", "\t", '"']),
    st.lists(
        st.lists(_TEXT | st.sampled_from(["course-v1:A+B+C", "course:A+B", "true", '"', "x" * 200_000]), max_size=4),
        max_size=6,
    ),
    st.sampled_from(["\n", "\r\n", "\r", "\x00", "\u2028"]),
)
_SETTINGS = st.fixed_dictionaries(
    {
        name: st.none()
        | _LEAVES
        | st.sampled_from(["https://h/", "http://127.0.0.1:1", "http://[", "custom", "us", "track", "sso:x", 20])
        for name in config.FIELDS
    }
)


def _partial(body: bytes) -> None:
    """Every index that is judged was sent, and no statement is both judged and to be sent again."""
    found = read(body, IDS, partial=True).verdicts
    assert set(found) <= set(range(len(IDS)))
    for ids in (UUIDS, UUIDS[:1]):
        outcome = outcome_of_answer(207, body)
        judgment = judge(Answer(outcome, 207, "", None, 0.0, body), ids)
        again = [index for part in judgment.again for index in part]
        assert not set(again) & set(judgment.verdicts)
        assert judgment.problem is not None or sorted({*again, *judgment.verdicts}) == list(range(len(ids)))


def _answers(given: tuple[int, bytes, str]) -> None:
    status, body, header = given
    assert isinstance(outcome_of_answer(status, body), Outcome)
    assert len(message_of(body, ("secret",))) <= 1000
    seconds = retry_after_of(header, NOW)
    assert seconds is None or 0 <= seconds <= 86400


def _token(given: tuple[int, bytes]) -> None:
    status, body = given
    reply = Reply(status, {}, body, 0.0)
    with mock.patch.object(tokens, "exchange", return_value=reply):
        token = tokens.fetch(_CONFIGURATION)
    assert token.value.reveal().isascii()
    assert "\n" not in token.value.reveal()


def _query(pairs: list[tuple[str, str]]) -> None:
    given = QueryDict(mutable=True)
    for name, value in pairs:
        given.appendlist(name, value)
    values = single_values(given.lists())
    if MORE in values:
        read_more(values, (1, ""))
    else:
        query_of(values)


_VALID = dict.fromkeys(config.FIELDS, "") | {
    "region": "us",
    "partner_name": "acme",
    "client_id": "id",
    "client_secret": "secret",
    "api": "statements",
    "learner_id": "email",
    "learners": "all",
    "modes": [],
    "milestones": ["started", "completed"],
    "retakes": "completions",
    "send_names": True,
    "send_skipped": False,
    "content_id": "course",
    "catalog": "chosen",
    "courses": "all",
    "catalog_type": "COURSE",
    "catalog_duration": 0,
    "catalog_push": False,
    "catalog_interval": 3600,
    "catalog_patience": 86_400,
    "launch_enrolls": True,
    "started_on": "enrollment",
    "completed_on": "passed",
    "undone": "keep",
    "progress_step": 10,
    "locked_units": "count",
    "progress_from": "platform",
    "batch_size": 50,
    "timeout": 20,
}
_CONFIGURATION = config.build(1, {**_VALID, "learner_home_page": "https://lms.example.com"})


def _settings(values: dict[str, Any]) -> None:
    """Each wrong value alone among right ones, and all of them at once."""
    for name, value in values.items():
        try:
            config.build(1, {**_VALID, name: value})
        except PercipioConfigurationError:
            continue
    config.build(1, values)


TARGETS: dict[str, Target] = {
    "207": Target(BODIES, _partial),
    "answers": Target(st.tuples(st.integers(100, 599), BODIES, _TEXT), _answers),
    "token": Target(st.tuples(st.sampled_from([200, 200, 200, 201, 400, 401, 500]), BODIES), _token, (DeliveryError,)),
    "pull": Target(QUERIES, _query, (QueryError,)),
    "csv": Target(CSV, lambda text: course_overrides.read(text.encode("utf-8", "surrogatepass")), (ValidationError,)),
    "configuration": Target(_SETTINGS, _settings, (PercipioConfigurationError,)),
}
