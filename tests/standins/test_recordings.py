"""Every act on the stand-ins emits what it emitted in a real LMS: names, order, dispatch, transaction, types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standins.acts import GROUPS, Act, Stage
from tests.standins.recorder import Recorder

RECORDINGS = Path(__file__).parent / "recordings"


def recorded(act: str) -> list[dict[str, Any]]:
    """What the real LMS emitted."""
    found: list[dict[str, Any]] = json.loads((RECORDINGS / f"{act}.json").read_text())
    return found


def _lines(entries: list[dict[str, Any]]) -> list[str]:
    """The entries as text, so that a difference shows as a line."""
    return json.dumps(entries, indent=1, sort_keys=True).splitlines()


# The first word of each act's name says which group does it.
WORDS = {
    "enrollment": ("enroll", "mode", "unenroll", "reenroll"),
    "completion": ("completion",),
    "grades": ("grade",),
    "certificates": ("certificate",),
    "retirement": ("retirement",),
}


def acts_of(group: str) -> set[str]:
    """The recorded acts that a group has to do."""
    return {path.stem for path in RECORDINGS.glob("*.json") if path.stem.split("_")[0] in WORDS[group]}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_acts_emit_what_a_real_lms_emitted(group: Callable[[Stage], Iterator[Act]]) -> None:
    stage = Stage()
    emitted: dict[str, list[dict[str, Any]]] = {}
    with Recorder() as recorder:
        for name, act in group(stage):
            with recorder.act() as entries:
                act()
            emitted[name] = entries
    assert set(emitted) == acts_of(group.__name__)
    for name, entries in emitted.items():
        assert [name, *_lines(entries)] == [name, *_lines(recorded(name))]


def test_every_recording_belongs_to_a_group() -> None:
    assert sum(len(acts_of(group)) for group in WORDS) == len(list(RECORDINGS.glob("*.json"))) == 35
