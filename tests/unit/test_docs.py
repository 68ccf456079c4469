"""What the documentation says is so: settings, commands, and the files and tests that it names."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from code_annotations.base import AnnotationConfig
from code_annotations.contrib.config import FEATURE_TOGGLE_ANNOTATIONS_CONFIG_PATH, SETTING_ANNOTATIONS_CONFIG_PATH
from code_annotations.find_static import StaticSearch

from percipio_openedx.settings.common import DEFAULTS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
TUTOR = ROOT / "contrib" / "tutor-contrib-percipio"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
ALL = [README, TUTOR / "README.md", ROOT / "benchmarks" / "README.md", *(ROOT / ".github").glob("*.md"), *PAGES]
COMMANDS = {path.stem for path in (ROOT / "percipio_openedx" / "management" / "commands").glob("percipio_*.py")}

_SETTING_ROW = re.compile(r"^\| `(PERCIPIO_\w+)` \| `([^`]+)` \|", re.MULTILINE)
_TEST = re.compile(r"`((?:contrib/[\w-]+/)?tests/[\w/]+\.py)((?:::\w+)*)")
_COMMAND = re.compile(r"(?:manage\.py(?: lms)?|`) ?(percipio_[a-z]+)\b")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def shell_lines(path: Path) -> Iterator[str]:
    """What a page tells its reader to type, continued lines joined."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL):
        yield from (line.strip() for line in block.splitlines() if line.strip() and not line.strip().startswith("#"))


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """What makes the configuration reference."""
    monkeypatch.syspath_prepend(str(DOCS / "_reference"))
    return importlib.import_module("settings_reference")


@pytest.mark.parametrize("name", ["settings", "commands"])
def test_the_reference_that_is_committed_is_what_the_code_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`make reference` writes it."""
    monkeypatch.syspath_prepend(str(DOCS / "_reference"))
    page = DOCS / ("configuration.md" if name == "settings" else "commands.md")
    text = page.read_text(encoding="utf-8")
    made = importlib.import_module(f"{name}_reference").markdown()
    assert importlib.import_module("pages").written(text, made) == text


@pytest.mark.parametrize("path", [README, DOCS / "tutor.md", TUTOR / "README.md"], ids=name_of)
def test_the_settings_that_are_shown_have_the_defaults_that_are_shown(path: Path) -> None:
    shown = {name: ast.literal_eval(text) for name, text in _SETTING_ROW.findall(path.read_text(encoding="utf-8"))}
    known = {name: default for name, default in shown.items() if name in DEFAULTS}
    assert len(known) >= 5
    assert known == {name: DEFAULTS[name] for name in known}


def test_the_readme_shows_settings_only() -> None:
    assert set(dict(_SETTING_ROW.findall(README.read_text(encoding="utf-8")))) - set(DEFAULTS) == set()


def test_every_setting_is_annotated_with_its_default(reference: ModuleType) -> None:
    source = (ROOT / "percipio_openedx" / "settings" / "common.py").read_text(encoding="utf-8")
    annotated = {setting.name: ast.literal_eval(setting.default) for setting in reference.annotations(source)}
    assert annotated == DEFAULTS
    assert all(len(setting.description) > 20 for setting in reference.annotations(source))


@pytest.mark.parametrize(
    ("kind", "rules"),
    [("toggle", FEATURE_TOGGLE_ANNOTATIONS_CONFIG_PATH), ("setting", SETTING_ANNOTATIONS_CONFIG_PATH)],
)
def test_what_is_on_or_off_is_annotated_as_a_toggle_and_all_else_as_a_setting(kind: str, rules: str) -> None:
    """By the linter of Open edX itself (OEP-17), which knows the fields and their choices."""
    folder = str(ROOT / "percipio_openedx" / "settings")
    search = StaticSearch(AnnotationConfig(rules, verbosity=-1, source_path_override=folder))
    found = search.search()
    assert search.check_results(found), search.errors
    names = {
        one["annotation_data"] for of_file in found.values() for one in of_file if "_name:" in one["annotation_token"]
    }
    # None is a third choice of PERCIPIO_KEEP_EVENT_ROUTING, which makes it none.
    assert names == {name for name, default in DEFAULTS.items() if isinstance(default, bool) is (kind == "toggle")}


def test_the_reference_has_a_heading_for_each_setting(reference: ModuleType) -> None:
    headings = re.findall(r"^### (\w+)$", reference.markdown(), re.MULTILINE)
    assert headings == list(DEFAULTS)


@pytest.mark.parametrize("path", [path for path in ALL if list(shell_lines(path))], ids=name_of)
def test_the_commands_that_are_shown_exist(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for line in shell_lines(path):
        words = [word for word in shlex.split(line, comments=True) if not re.fullmatch(r"[A-Z_]+=.*", word)]
        if words and words[0] == "make":
            assert set(words[1:]) <= targets, line
        if words[:1] == ["./manage.py"] and words[2].startswith("percipio"):
            assert words[2] in COMMANDS, line
        if words[:1] == ["pip"] and words[-1].startswith("./"):
            inside = words[-1].removeprefix("./").removeprefix("percipio_openedx").lstrip("/")
            assert (ROOT / inside / "pyproject.toml").is_file(), line


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_the_management_commands_and_figures_that_are_named_exist(path: Path) -> None:
    named = set(_COMMAND.findall(path.read_text(encoding="utf-8"))) - {"percipio_openedx"}
    source = (ROOT / "percipio_openedx" / "operations" / "metrics.py").read_text(encoding="utf-8")
    figures = {f"percipio_{name}" for name in re.findall(r'Gauge\("(\w+)"', source)}
    assert named - COMMANDS - figures == set()


def test_the_readme_has_the_headings_that_oep_55_asks_for() -> None:
    headings = re.findall(r"^## (.+)$", README.read_text(encoding="utf-8"), re.MULTILINE)
    wanted = ["Purpose", "Getting started", "Getting help", "Contributing", "Code of conduct", "People"]
    wanted += ["Reporting security issues", "License"]
    assert [heading for heading in headings if heading in wanted] == wanted


def test_every_make_target_of_the_readme_s_first_screen_is_the_makefile_s() -> None:
    assert [line for line in shell_lines(README) if line.startswith("make ")][:2] == ["make demo", "make test"]


def test_each_line_of_the_tracking_page_names_code_and_a_test_that_exist() -> None:
    rows = re.findall(
        r"\| `([\w/]+\.py)` \| `([\w/]+\.py)::(\w+)` \|$",
        (DOCS / "percipio.md").read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    table = [line for line in (DOCS / "percipio.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert len(rows) == len([line for line in table if not line.startswith(("| The page", "| ---"))])
    missing = [
        row
        for row in rows
        if not (ROOT / "percipio_openedx" / row[0]).is_file()
        or f"def {row[2]}(" not in _source(ROOT / "tests" / row[1])
    ]
    assert missing == []


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_the_tests_that_keep_what_is_said_exist(path: Path) -> None:
    missing = []
    for file, names in _TEST.findall(path.read_text(encoding="utf-8")):
        source = _source(ROOT / file)
        wanted = [rf"^ *(?:async )?(?:class|def) {name}\b" for name in names.split("::") if name]
        if not source or not all(re.search(each, source, re.MULTILINE) for each in wanted):
            missing.append(file + names)
    assert missing == []


def test_the_log_lines_that_are_named_are_written() -> None:
    rows = re.findall(
        r"^\| `(percipio_openedx[\w.]+)` [A-Z]+ `([^`]+)` \|",
        (DOCS / "troubleshooting.md").read_text("utf-8"),
        re.MULTILINE,
    )
    assert len(rows) >= 6
    written = {(module, text): f'"{text}' in _source(ROOT / f"{module.replace('.', '/')}.py") for module, text in rows}
    assert [row for row, is_there in written.items() if not is_there] == []


def _source(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""
