"""The plugin's jobs: what ``tutor local do ...`` runs, and that there is such a command."""

from __future__ import annotations

import re
from pathlib import Path

import click
from tutor import hooks

from tests.conftest import Rendered
from tutorpercipio import jobs

COMMANDS = Path(__file__).resolve().parents[3] / "percipio_openedx" / "management" / "commands"


def test_every_job_is_offered(rendered: Rendered) -> None:
    for context in ("local", "k8s"):
        offered = set(re.findall(r"^  (percipio-\S+)", rendered.tutor(context, "do", "--help"), re.MULTILINE))
        assert offered == set(jobs.JOBS)


def test_every_command_of_the_package_is_a_job() -> None:
    assert set(jobs.JOBS) == {path.stem.replace("_", "-") for path in COMMANDS.glob("percipio_*.py")}


def test_a_job_passes_everything_on_quoted() -> None:
    job = jobs.make("percipio-run", "Runs.")
    assert job.callback is not None
    context = job.make_context("percipio-run", ["--course", "course-v1:A+B; rm -rf /", "--json", "--help"])
    script = list(click.Context.invoke(context, job.callback, **context.params))
    wanted = "./manage.py lms percipio_run --course 'course-v1:A+B; rm -rf /' --json --help"
    assert script == [("lms", wanted)]


def test_init_makes_the_tables_of_the_plugin_and_of_what_it_brings() -> None:
    __import__("tutorpercipio.plugin")
    scripts = [script for service, script in hooks.Filters.CLI_DO_INIT_TASKS.iterate() if "percipio" in script]
    wanted = "./manage.py lms migrate event_routing_backends\n./manage.py lms migrate percipio_openedx\n"
    assert scripts == [wanted]
