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
    assert LANGUAGES == ["ar", "de", "es", "fr", "ja"]


def test_no_text_is_marked_where_gettext_does_not_look() -> None:
    """``xgettext`` reads no call inside an f-string: its text would stay English."""
    found = [
        f"{path.name}:{node.lineno}: {call.args[0].value}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant)
        if isinstance(call.func, ast.Name) and call.func.id in {"_", "gettext", "ngettext", "pgettext"}
    ]
    assert found == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated(language: str) -> None:
    found = entries(catalog(language, "po"))
    assert len(found) > 300
    assert [entry.source for entry in found if entry.is_fuzzy or not all(entry.translated)] == []
    assert "\n#~ " not in catalog(language, "po").read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_holds_the_same_values(language: str) -> None:
    wrong = [
        (entry.source, text)
        for entry in entries(catalog(language, "po"))
        for text in entry.translated
        if _values(text) not in [_values(source) for source in entry.source]
    ]
    assert wrong == []


def _values(text: str) -> list[str]:
    return sorted(_PLACEHOLDER.findall(text))


@pytest.mark.parametrize(
    ("language", "forms"), [("ar", 6), ("de", 2), ("es", 2), ("fr", 2), ("ja", 1)], ids=lambda value: str(value)
)
def test_a_translation_has_every_plural_of_its_language(language: str, forms: int) -> None:
    numbers = {len(entry.translated) for entry in entries(catalog(language, "po")) if len(entry.source) == 2}
    assert numbers == {forms}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_compiled_is_what_is_written(language: str) -> None:
    with catalog(language, "mo").open("rb") as compiled:
        read = gettext.GNUTranslations(compiled)
    for entry in entries(catalog(language, "po")):
        said = {read.gettext(entry.source[0])}
        if len(entry.source) == 2:
            said = {read.ngettext(*entry.source, count) for count in (0, 1, 2, 3, 11, 100)}
        assert said == set(entry.translated)


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_no_text_of_the_code_is_missing(language: str, tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        pytest.skip("GNU gettext is not installed")
    ignored = shutil.ignore_patterns("__pycache__", "sandbox", "*.mo")
    shutil.copytree(PACKAGE, tmp_path / "percipio_openedx", ignore=ignored, symlinks=True)
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
