"""The LMS's own log of requests, as edx-platform's middleware writes it: which parameters stand in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

Log = Callable[[], str]


def tracked(log: str) -> list[dict[str, Any]]:
    """The server events of a log, with the parameters that each tells of."""
    lines = [line for line in log.splitlines() if line.startswith("DEBUG tracking") or line.startswith("INFO tracking")]
    events = [json.loads(line[line.index("{") : line.rindex("}") + 1]) for line in lines]
    return [event for event in events if event["context"].get("event_source") == "server"]


def test_get_and_post_parameters_are_written(every_log: Log) -> None:
    Client().get("/admin/", {"q": "what was asked"})
    Client().post("/change_enrollment", {"course_id": "what was typed"})

    asked, typed = tracked(every_log())
    assert (asked["name"], typed["name"]) == ("/admin/", "/change_enrollment")
    assert json.loads(asked["data"]) == {"GET": {"q": ["what was asked"]}, "POST": {}}
    assert json.loads(typed["data"]) == {"GET": {}, "POST": {"course_id": ["what was typed"]}}


def test_only_passwords_are_masked(every_log: Log) -> None:
    given = dict.fromkeys(("password", "new_password", "old_password", "new_password2", "secret", "token"), "canary")
    Client().post("/change_enrollment", given)

    (event,) = tracked(every_log())
    written = json.loads(event["data"])["POST"]
    assert {name for name, value in written.items() if value == "*" * 8} == set(given) - {"secret", "token"}
    assert written["secret"] == ["canary"]


def test_it_is_cut_off(every_log: Log) -> None:
    Client().post("/change_enrollment", {"long": "x" * 5000})

    (event,) = tracked(every_log())
    assert len(event["data"]) == 512


def test_addresses_are_left_out_by_patterns_that_match_from_the_beginning(every_log: Log, settings: Any) -> None:
    settings.TRACKING_IGNORE_URL_PATTERNS = ["/log", "^/adm"]
    for path in ("/login", "/admin/", "/change_enrollment"):
        Client().get(path)
    assert [event["name"] for event in tracked(every_log())] == ["/change_enrollment"]


def test_a_pattern_that_is_none_costs_the_parameters_and_not_the_request(every_log: Log, settings: Any) -> None:
    settings.TRACKING_IGNORE_URL_PATTERNS = ["("]
    assert Client().get("/login", {"q": "what was asked"}).status_code == 200

    (event,) = tracked(every_log())
    assert event["data"]["event-type"] == "exception"
    assert "what was asked" not in every_log()
