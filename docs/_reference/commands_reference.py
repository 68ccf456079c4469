"""The reference of the management commands, made from their argument parsers, the exit codes and the JSON schema."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import load_command_class

from percipio_openedx.management.exit_codes import MEANINGS, PROBLEMS

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ROOT / "percipio_openedx" / "management" / "commands"
SCHEMA = json.loads((ROOT / "docs" / "commands.schema.json").read_text(encoding="utf-8"))["$defs"]

# What Django gives to every command.
DJANGOS = {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color", "force_color"}
DJANGOS |= {"skip_checks"}


def names() -> list[str]:
    """Every command of the package."""
    return sorted(path.stem for path in COMMANDS.glob("percipio_*.py"))


def prepare() -> None:
    """Set up as little of Django as the commands need to be imported."""
    if not settings.configured:
        apps = [f"django.contrib.{app}" for app in ("auth", "contenttypes", "sites")]
        # event-routing-backends logs that there is no edx-platform here. Sphinx's own loggers must go on.
        loggers = {"event_routing_backends": {"level": "CRITICAL"}}
        quiet = {"version": 1, "disable_existing_loggers": False, "loggers": loggers}
        apps += ["event_routing_backends", "percipio_openedx"]
        settings.configure(INSTALLED_APPS=apps, USE_TZ=True, LOGGING=quiet)
        django.setup()


def markdown() -> str:
    """The exit codes; a heading, the purpose, the options, the exit code and the JSON of each command."""
    return "\n".join([_exit_codes(), *(line for name in names() for line in _section(name))])


def _exit_codes() -> str:
    rows = [f"| {code.value} | `{code.name}` | {text} |" for code, text in MEANINGS.items()]
    return "\n".join(["## Exit codes", "", "| Code | Name | Meaning |", "| --- | --- | --- |", *rows]) + "\n"


def _section(name: str) -> Iterator[str]:
    command = load_command_class("percipio_openedx", name)
    parser = command.create_parser("manage.py lms", name)
    yield f"## {name}\n\n{command.help}\n"
    yield from _arguments(parser, "")
    yield f"Exit code 1: {PROBLEMS[name]}.\n"
    yield from _documents(SCHEMA[name])


def _documents(schema: dict[str, Any]) -> Iterator[str]:
    """What `--json` prints, form by form."""
    if "$ref" in schema:
        schema = SCHEMA[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        for form in schema["anyOf"]:
            yield from _documents(form)
        return
    rows = [f"| `{name}` | {_meaning(one)} |" for name, one in schema["properties"].items()]
    yield "\n".join([f"| JSON: {schema.get('title', '')} | Meaning |", "| --- | --- |", *rows]) + "\n"


def _meaning(schema: dict[str, Any]) -> str:
    values = ", ".join(f"`{one}`" for one in schema.get("enum", ()) if one)
    return f"{schema['description']} ({values})" if values else str(schema["description"])


def _arguments(parser: argparse.ArgumentParser, act: str) -> Iterator[str]:
    rows = [row for action in parser._actions for row in _rows(action, act)]
    if rows:
        yield "\n".join(["| Argument | Meaning |", "| --- | --- |", *rows]) + "\n"


def _rows(action: argparse.Action, act: str) -> Iterator[str]:
    if isinstance(action, argparse._SubParsersAction):
        for name, parser in action.choices.items():
            for inner in parser._actions:
                yield from _rows(inner, f"{name} ")
    elif action.dest not in DJANGOS and not (act and action.dest == "as_json"):
        value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
        shown = f"{action.option_strings[-1]}{value}" if action.option_strings else action.metavar or action.dest
        text = str(action.help or "").replace("|", "\\|").replace("%%", "%")
        yield f"| `{act}{shown}` | {text} |"
