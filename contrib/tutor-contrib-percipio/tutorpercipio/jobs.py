"""The plugin's management commands as ``tutor local do ...`` and ``tutor k8s do ...``."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click

# Job name (the management command's, with hyphens) and what Tutor's help says of it.
JOBS = {
    "percipio-accounts": "List the accounts, and have learners reported again to theirs.",
    "percipio-backfill": "Report what happened before the plugin was there.",
    "percipio-catalog": "List the courses that are offered to Percipio, send them there, or print them as a file.",
    "percipio-courses": "Print, or take over, what was decided for single courses.",
    "percipio-doctor": "Check the installation, with the mend for whatever is wrong.",
    "percipio-erasures": "List what Skillsoft has to erase of learners who were erased here.",
    "percipio-export": "Write what learners completed as files for Percipio's import.",
    "percipio-metrics": "Print the figures for monitoring.",
    "percipio-preview": "Show what a learner and a course would report now.",
    "percipio-prune": "Delete what is older than the settings of retention allow.",
    "percipio-reconcile": "Compare what was delivered with what Percipio says it has.",
    "percipio-retry": "Send parked or given-up statements again.",
    "percipio-run": "Look at the learners of whom something is due and send what waits, once.",
}

# What follows the job's name belongs to the management command.
PASSED_ON = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def make(name: str, about: str) -> click.Command:
    """Make a ``do`` job that runs the management command of that name in the LMS's container."""

    @click.command(name=name, help=f"{about} Everything after the name is passed on.", context_settings=PASSED_ON)
    @click.argument("args", nargs=-1)
    def job(args: tuple[str, ...]) -> Iterator[tuple[str, str]]:
        yield "lms", shlex.join(["./manage.py", "lms", name.replace("-", "_"), *args])

    return job


def all_jobs() -> list[click.Command]:
    """Every job, in the order of the table."""
    return [make(name, about) for name, about in JOBS.items()]
