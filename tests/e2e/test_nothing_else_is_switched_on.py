"""An LMS with the plugin and one without it, act by act: what learners do costs the plugin's rows and wake alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from typing import Any

import pytest

# What an LMS does is found once, in one process of pytest-xdist.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("nothing else")]

Acts = dict[str, dict[str, Any]]

# Found by the same mechanism as the plugin: what it brings along, and one that is installed here to be read by it.
BROUGHT_ALONG = ("percipio_openedx", "event_routing_backends")
BESIDE = "completion_aggregator"

ALIVE, DEAD = "memory://localhost/", "amqp://127.0.0.1:9//"
WAKE = "percipio_openedx.tasks.run"


@cache
def acts(*options: str, without: tuple[str, ...] = ()) -> Acts:
    """What each act costs, in an LMS of its own."""
    command = [sys.executable, "-m", "tests.e2e.acting", BESIDE, *without, *options]
    # In a file, for the tests' own database on a server is in use.
    environment = {name: value for name, value in os.environ.items() if name != "PERCIPIO_TEST_DATABASE_URL"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    costs: Acts = json.loads(done.stdout)
    return costs


def more(kind: str, broker: str, *options: str) -> dict[str, list[str]]:
    """By act, what an LMS with the plugin has more of than one without."""
    ours, bare = acts("--broker", broker, *options), acts("--broker", broker, without=BROUGHT_ALONG)
    assert ours.keys() == bare.keys()
    for act in bare:
        assert Counter(bare[act][kind]) - Counter(ours[act][kind]) == Counter(), act
    return {act: sorted((Counter(ours[act][kind]) - Counter(bare[act][kind])).elements()) for act in ours}


@pytest.mark.parametrize("broker", [ALIVE, DEAD])
def test_no_task_but_the_wake(broker: str) -> None:
    found = more("tasks", broker)
    assert found.pop("enroll") == [WAKE]
    assert not any(found.values())


def test_no_query_but_the_notices() -> None:
    """And the look for a router, once in a while (``event_routing.backend.GOOD_FOR``)."""
    queries = [query for found in more("queries", ALIVE).values() for query in found]
    routers = [query for query in queries if "event_routing_backends_routerconfiguration" in query]
    assert {query.split(" (")[0] for query in queries if query not in routers} == {
        'INSERT INTO "percipio_openedx_notice"'
    }
    assert len(routers) == 1


def test_a_dead_broker_is_tried_for_the_wake_alone() -> None:
    """In a thread of its own, so that nobody waits; and then not for a minute."""
    ours, bare = acts("--broker", DEAD), acts("--broker", DEAD, without=BROUGHT_ALONG)
    assert {act: costs["tries"] for act, costs in bare.items()} == dict.fromkeys(bare, 0)
    assert [act for act, costs in ours.items() if costs["tries"]] == ["enroll"]


def test_what_would_be_switched_on() -> None:
    """The counterpart: with all that is brought along at work, each act publishes tasks, and tries a dead broker."""
    published = more("tasks", DEAD, "--keep")
    assert "eventtracking.tasks.send_event" in published["complete again"]
    assert acts("--broker", DEAD, "--keep")["complete again"]["tries"] > 0
