"""How large the house may be: lines and modules of the package, by room. To grow is a decision (record 0021)."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "percipio_openedx"

# Room -> (lines, modules), blank lines and docstrings included, migrations left out. "" is the package's own folder.
BUDGET = {
    "": (1670, 14),
    "admin": (3580, 18),
    "capture": (320, 3),
    "catalog": (1350, 8),
    "config": (1350, 7),
    "delivery": (3400, 15),
    "edx_platform": (2030, 10),
    "event_routing": (110, 3),
    "launch": (250, 2),
    "lrs": (950, 6),
    "management": (1620, 17),
    "models": (1610, 9),
    "operations": (5460, 26),
    "reporting": (3110, 16),
    "settings": (340, 2),
    "statements": (1700, 11),
}
WHOLE = (28_700, 167)


def measure(paths: list[Path]) -> tuple[int, int]:
    """Return the lines and the number of modules."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths), len(paths)


def modules(room: str) -> list[Path]:
    """List the modules of a room; of the package's own folder those that lie in no room."""
    found = (PACKAGE / room).rglob("*.py") if room else PACKAGE.glob("*.py")
    return sorted(path for path in found if "migrations" not in path.parts)


@pytest.mark.parametrize("room", sorted(BUDGET))
def test_a_room_keeps_to_its_budget(room: str) -> None:
    lines, count = measure(modules(room))
    assert lines <= BUDGET[room][0], f"{room or 'the package'}: {lines} lines"
    assert count <= BUDGET[room][1], f"{room or 'the package'}: {count} modules"


def test_the_house_keeps_to_its_budget() -> None:
    lines, count = measure([path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts])
    assert (lines <= WHOLE[0], count <= WHOLE[1]) == (True, True), f"{lines} lines in {count} modules"


def test_every_room_has_a_budget() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and list(path.rglob("*.py"))} - {"migrations"}
    assert {"", *rooms} == set(BUDGET)
