"""The pictures of the documentation: each is taken by a command, is small, and is shown with a text beside it."""

from __future__ import annotations

import importlib
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.test_links import PAGES

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
# Whoever hears the alternative text has nothing else.
SHORTEST_TEXT = 40


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What `make pictures` runs."""
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    return importlib.import_module("demo.pictures")


@pytest.fixture
def names(pictures: ModuleType) -> list[str]:
    """The pictures that it takes."""
    return list(pictures.PICTURES)


def test_make_starts_it() -> None:
    (command,) = re.findall(r"^\t@\$\(RUN\) (.*demo.pictures.*) \$\(ARGS\)$", (ROOT / "Makefile").read_text(), re.M)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    asked = [sys.executable, *command.split(), "--help"]
    assert (
        "Takes the pictures"
        in subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    )


def test_the_command_takes_each_picture_that_is_there(names: list[str]) -> None:
    assert {"overview", "setup", "timeline", "configuration", "catalog", "launch", "class"} == set(names)
    assert sorted(path.name for path in IMAGES.iterdir()) == sorted(f"{name}.png" for name in names)


def test_each_picture_is_shown_with_a_text(names: list[str]) -> None:
    shown = {
        (page.parent / link).resolve().relative_to(ROOT): text
        for page in PAGES
        for text, link in re.findall(r"!\[([^]]*)\]\((?!https?:)([^)]+)\)", page.read_text(encoding="utf-8"))
    }
    assert {path for path in shown if path.parts[:2] == ("docs", "images")} == {
        Path("docs", "images", f"{name}.png") for name in names
    }
    assert [text for text in shown.values() if len(text) < SHORTEST_TEXT] == []
    assert "](docs/images/" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(IMAGES.iterdir()), ids=lambda path: path.name)
def test_a_picture_has_the_fixed_size_and_is_small(path: Path) -> None:
    data = path.read_bytes()

    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (1280, 800)
    assert len(data) < 200_000
    # Not when, where and with what it was made.
    assert [name for name in (b"tEXt", b"iTXt", b"zTXt", b"tIME", b"eXIf") if name in data[:200]] == []


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (0, [10, 20, 30, 12, 22, 250]),
        (1, [10, 20, 30, 2, 2, 220]),
        (2, [9, 18, 27, 8, 17, 244]),
        (3, [10, 19, 29, 5, 10, 232]),
        (4, [9, 18, 27, 2, 2, 220]),
    ],
)
def test_what_a_filter_left_out_is_put_back(pictures: ModuleType, kind: int, written: list[int]) -> None:
    """By the standard: nothing, the left, the one above, their mean, the nearest to left + above - corner."""
    line, before = bytes([10, 20, 30, 12, 22, 250]), bytes([1, 2, 3, 4, 5, 6])
    assert pictures._unfiltered(kind, bytes(written), before) == line


def test_packing_a_picture_changes_no_pixel(pictures: ModuleType) -> None:
    packed, width = pictures.packed, pictures.WIDTH

    def png(*lines: bytes) -> bytes:
        chunks = (b"IHDR" + struct.pack(">IIBBBBB", width, len(lines), 8, 2, 0, 0, 0), b"tEXtSoftware\0x")
        chunks = (*chunks, b"IDAT" + zlib.compress(b"".join(lines), 9), b"IEND")
        parts = [struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in chunks]
        return b"\x89PNG\r\n\x1a\n" + b"".join(parts)

    color = b"\x34\x42\xc4"
    filtered = png(b"\1" + color + bytes(3 * width - 3), b"\2" + bytes(3 * width))
    flat = png(*[b"\0" + color * width] * 2)

    assert packed(filtered) == packed(flat)
    assert packed(packed(flat)) == packed(flat)
    assert b"tEXt" not in packed(flat)
