"""Whatever others write, each reader answers with a value or with its typed error."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.proof.hostile import TARGETS


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_nothing_but_typed_errors(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    target.try_one(data.draw(target.inputs))
