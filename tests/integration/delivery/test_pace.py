"""How much a turn takes on at once: larger claims where a request is long on its way, no more than is soon sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from math import inf
from typing import Any

import pytest

from percipio_openedx.delivery.claim import Claims, Row
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.pace import requests_ready, rows_in_a_claim
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, add, received


@pytest.mark.parametrize(
    ("seconds", "ready", "rows"),
    [
        pytest.param(inf, 3, 150, id="nothing has been answered"),
        pytest.param(0.0, 10, 150, id="no distance to speak of"),
        pytest.param(0.02, 10, 200, id="20 ms"),
        pytest.param(0.05, 6, 500, id="50 ms"),
        pytest.param(0.1, 3, 500, id="100 ms"),
        pytest.param(0.3, 3, 500, id="300 ms"),
        pytest.param(0.6, 3, 250, id="slow: three seconds' worth"),
        pytest.param(20.0, 3, 150, id="very slow"),
    ],
)
def test_what_is_taken_on_at_once(seconds: float, ready: int, rows: int) -> None:
    assert (requests_ready(seconds), rows_in_a_claim(50, seconds)) == (ready, rows)


@pytest.mark.parametrize(
    ("batch", "near", "far"),
    [
        pytest.param(1, 100, 100, id="one by one: at least what pays for the search"),
        pytest.param(20, 100, 200, id="small"),
        pytest.param(100, 400, 1000, id="large"),
        pytest.param(500, 1500, 1500, id="the largest: no more than memory has room for"),
    ],
)
def test_rows_in_a_claim_are_bounded(batch: int, near: int, far: int) -> None:
    assert (rows_in_a_claim(batch, 0.02), rows_in_a_claim(batch, 0.1)) == (near, far)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("durations", "largest"),
    [
        pytest.param([0.02], 200, id="near"),
        pytest.param([0.1], 500, id="far"),
        pytest.param([0.4, 0.02], 200, id="near, but slow at first"),
    ],
)
def test_a_turn_learns_how_far_away_the_destination_is(
    site: Sandbox, monkeypatch: pytest.MonkeyPatch, durations: list[float], largest: int
) -> None:
    for number in range(1100):
        add(number)
    asked: list[int] = []
    claim, post = Claims.claim, PercipioClient.post_statements
    left = list(durations)

    def seen(self: Claims, now: datetime, most: int) -> tuple[Row, ...]:
        asked.append(most)
        return claim(self, now, most)

    def timed(self: PercipioClient, *args: Any) -> Any:
        return replace(post(self, *args), duration=left.pop(0) if len(left) > 1 else left[0])

    monkeypatch.setattr(Claims, "claim", seen)
    monkeypatch.setattr(PercipioClient, "post_statements", timed)

    assert deliver_due(NOW).sent == 1100
    assert len(set(received(site))) == 1100
    # Before an answer one request's worth, but not less than pays for the search, and then three.
    assert asked[:2] == [100, 150]
    assert max(asked[2:]) == largest
