"""The translations: complete, compiled, of the same shape as the texts, and not older than them."""

from __future__ import annotations

import ast
import gettext
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.utils import translation

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "percipio_openedx"
LANGUAGES = sorted(path.name for path in (PACKAGE / "conf" / "locale").iterdir() if path.is_dir() and path.name != "en")

_FIELD = re.compile(r'^(msgctxt|msgid_plural|msgid|msgstr(?:\[\d\])?) (".*")$')
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd%]")


@dataclass(frozen=True)
class Entry:
    """One text of a catalogue: the source (singular, plural) and its translations."""

    source: tuple[str, ...]
    translated: tuple[str, ...]
    is_fuzzy: bool


def entries(path: Path) -> list[Entry]:
    """The texts of a catalogue, without its header."""
    blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
    return [entry for entry in map(_entry, blocks) if entry.source != ("",)]


def _entry(block: str) -> Entry:
    fields: dict[str, str] = {}
    current = ""
    for line in block.splitlines():
        if found := _FIELD.match(line):
            current = found[1]
            fields[current] = ast.literal_eval(found[2])
        elif line.startswith('"'):
            fields[current] += ast.literal_eval(line)
    source = tuple(fields[name] for name in ("msgid", "msgid_plural") if name in fields)
    translated = tuple(text for name, text in fields.items() if name.startswith("msgstr"))
    return Entry(source, translated, bool(re.search(r"^#,.*\bfuzzy\b", block, re.MULTILINE)))


def catalog(language: str, suffix: str) -> Path:
    return PACKAGE / "conf" / "locale" / language / "LC_MESSAGES" / f"django.{suffix}"


def test_there_is_a_translated_language() -> None:
    assert LANGUAGES == ["de"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    found = entries(catalog(language, "po"))
    assert len(found) > 300
    assert [entry.source for entry in found if entry.is_fuzzy or not all(entry.translated)] == []
    assert "\n#~ " not in catalog(language, "po").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_holds_the_same_values(language: str) -> None:
    wrong = [
        (source, text)
        for entry in entries(catalog(language, "po"))
        for source, text in zip(entry.source, entry.translated, strict=True)
        if sorted(_PLACEHOLDER.findall(text)) != sorted(_PLACEHOLDER.findall(source))
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    with catalog(language, "mo").open("rb") as compiled:
        read = gettext.GNUTranslations(compiled)
    for entry in entries(catalog(language, "po")):
        said = [read.gettext(entry.source[0])]
        if len(entry.source) == 2:
            said = [read.ngettext(*entry.source, 1), read.ngettext(*entry.source, 2)]
        assert tuple(said) == entry.translated


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_no_text_of_the_code_is_missing(language: str, tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        pytest.skip("GNU gettext is not installed")
    ignored = shutil.ignore_patterns("__pycache__", "sandbox", "*.mo")
    shutil.copytree(PACKAGE, tmp_path / "percipio_openedx", ignore=ignored)
    command = [sys.executable, "-m", "django", "makemessages", "--locale", language, "--no-wrap", "--no-location"]
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    folder = tmp_path / "percipio_openedx"
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    fresh = tmp_path / catalog(language, "po").relative_to(ROOT)
    now = {entry.source for entry in entries(fresh)}
    kept = {entry.source for entry in entries(catalog(language, "po"))}
    assert (now - kept, kept - now) == (set(), set())


def test_an_operator_reads_german() -> None:
    from percipio_openedx.models.statement import State
    from percipio_openedx.operations import labels

    with translation.override("de"):
        assert labels.of(labels.STATES, State.DELIVERED) == "zugestellt"
