"""Every command line of the documentation can be typed: the command, its options and its targets exist."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import load_command_class

from percipio_sandbox import cli

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TUTOR = ROOT / "contrib" / "tutor-contrib-percipio"
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
ALL = [README, TUTOR / "README.md", ROOT / "benchmarks" / "README.md", *(ROOT / ".github").glob("*.md"), *PAGES]

TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
# Installed from a checkout: docs/releasing.md says from when on an index can be asked for them.
OURS = {"percipio-openedx", "percipio_openedx", "percipio-sandbox", "tutor-contrib-percipio"}
JOBS = set(re.findall(r'"(percipio-\w+)"', (TUTOR / "tutorpercipio" / "jobs.py").read_text(encoding="utf-8")))

_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def lines(path: Path) -> Iterator[list[str]]:
    """What a page shows to be typed, in blocks and within sentences, as words; continued lines joined."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    shown = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    shown += _INLINE.findall(re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))
    for line in shown:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            # An apostrophe: no command.
            continue
        while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
            words.pop(0)
        if words:
            yield words


def mistake(words: list[str]) -> str:
    """What of a command line does not exist; empty for a right one, and for what is no command of this project."""
    match words:
        case ["make", *targets] if {word for word in targets if "=" not in word} - TARGETS:
            return "no such target"
        case ["pip", "install", *arguments] if OURS & {word.partition("[")[0] for word in arguments}:
            return "a name that somebody else may hold on an index"
        case ["bash", script, *_] if not (ROOT / script).is_file():
            return "no such script"
        case ["percipio-sandbox", *arguments]:
            return unknown_options(cli._parser(), arguments)
        case ["python", "-m", module, *_] if importlib.util.find_spec(module) is None:
            return "no such module"
        case ["./manage.py", "lms", command, *arguments] if command.startswith("percipio"):
            return mistake([command, *arguments])
        case [command, *arguments] if re.fullmatch(r"percipio_(?!openedx)[a-z]+", command) and arguments:
            if not (ROOT / "percipio_openedx" / "management" / "commands" / f"{command}.py").is_file():
                return "no such command"
            return unknown_options(
                load_command_class("percipio_openedx", command).create_parser("", command), arguments
            )
        case ["tutor", _where, "do", job, *arguments] if job.startswith("percipio"):
            return mistake([job.replace("-", "_"), *arguments]) if job in JOBS else "no such job"
    return ""


def unknown_options(parser: argparse.ArgumentParser, arguments: list[str]) -> str:
    """Options that a parser, with its subcommands, does not have."""
    known = set(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                known |= set(sub._option_string_actions)
    asked = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    return ", ".join(sorted(asked - known))


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_line_can_be_typed(path: Path) -> None:
    assert [(" ".join(words), found) for words in lines(path) if (found := mistake(words))] == []


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("make nothing", "no such target"),
        ("make demo ARGS=--fresh", ""),
        ("bash .ci/walk", "no such script"),
        ("pip install ./percipio_openedx", ""),
        ("pip install 'percipio-openedx[metrics]'", "a name that somebody else may hold on an index"),
        ("python -m benchmarks.nothing", "no such module"),
        ("percipio-sandbox --scenario ok --speed 3", "--speed"),
        ("./manage.py lms percipio_retry --parked --soon", "--soon"),
        ("./manage.py lms percipio_nothing --now", "no such command"),
        ("percipio_courses import courses.csv --dry-run", ""),
        ("tutor local do percipio-run --quickly", "--quickly"),
        ("tutor local do percipio-nothing", "no such job"),
    ],
)
def test_a_wrong_command_line_is_found(line: str, found: str) -> None:
    assert mistake(shlex.split(line)) == found


def test_the_readme_s_own_commands_are_found() -> None:
    found = {" ".join(words) for words in lines(README)}

    assert {"make demo", "make demo-serve", "make test", "make requirements", "make quality", "make docs"} <= found
    assert {"bash .ci/run", "./manage.py lms percipio_doctor --online"} <= found


def test_how_to_answers_the_operators_three_questions_each_in_one_short_section() -> None:
    sections = re.split(r"^## ", (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    words = {title: len(body.split()) for title, _, body in (section.partition("\n") for section in sections)}
    questions = (
        "Is it working?",
        "Why is this learner's completion not in Percipio?",
        "Percipio was down on Monday. Is everything there now?",
    )

    assert [question for question in questions if not 20 < words.get(question, 0) < 350] == []
