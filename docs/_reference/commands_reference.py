"""The reference of the management commands, made from their own argument parsers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import django
from django.conf import settings
from django.core.management import load_command_class

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ROOT / "percipio_openedx" / "management" / "commands"

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
    """A heading, the purpose and the options of each command."""
    return "\n".join(line for name in names() for line in _section(name))


def _section(name: str) -> Iterator[str]:
    command = load_command_class("percipio_openedx", name)
    parser = command.create_parser("manage.py lms", name)
    yield f"## {name}\n\n{command.help}\n"
    yield from _arguments(parser, "")


def _arguments(parser: argparse.ArgumentParser, act: str) -> Iterator[str]:
    rows = [row for action in parser._actions for row in _rows(action, act)]
    if rows:
        yield "\n".join(["| Argument | Meaning |", "| --- | --- |", *rows]) + "\n"


def _rows(action: argparse.Action, act: str) -> Iterator[str]:
    if isinstance(action, argparse._SubParsersAction):
        for name, parser in action.choices.items():
            for inner in parser._actions:
                yield from _rows(inner, f"{name} ")
    elif action.dest not in DJANGOS:
        value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
        shown = f"{action.option_strings[-1]}{value}" if action.option_strings else action.metavar or action.dest
        text = str(action.help or "").replace("|", "\\|").replace("%%", "%")
        yield f"| `{act}{shown}` | {text} |"
