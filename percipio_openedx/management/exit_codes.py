"""The exit codes of the commands: the one table that the commands, ``--help`` and the documentation read."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    WELL = 0
    PROBLEM = 1
    USAGE = 2


MEANINGS: Mapping[ExitCode, str] = {
    ExitCode.WELL: "all is well, and what was asked for is done",
    ExitCode.PROBLEM: "a problem was found, something is left to do, or the work failed or was interrupted",
    ExitCode.USAGE: "wrong usage: an argument or a setting is wrong, or names something that does not exist",
}

# What ``PROBLEM`` means for each command.
PROBLEMS: Mapping[str, str] = {
    "percipio_accounts": "a site or an account has a mistake, or a learner asked for is not reported again",
    "percipio_backfill": "it was interrupted, or a course run could not be observed",
    "percipio_catalog": "an item is held back, refused, left out or not in Percipio, or the file is not taken over",
    "percipio_courses": "the file is not taken over",
    "percipio_doctor": "something is wrong; with --support: never, unless the work failed",
    "percipio_erasures": "an erasure request is open",
    "percipio_export": "something is left out, or it was interrupted",
    "percipio_metrics": "prometheus_client is missing, and --json was not given",
    "percipio_preview": "the learner cannot be reported",
    "percipio_prune": "it was interrupted, or a retired learner could not be erased",
    "percipio_reconcile": "there is a difference, or Percipio could not be read",
    "percipio_retry": "a statement asked for is not requeued",
    "percipio_run": "a step of the pass broke",
}


def epilog(command: str) -> str:
    """Return the table for one command's ``--help``."""
    meanings = {**MEANINGS, ExitCode.PROBLEM: PROBLEMS[command]}
    return "Exit codes: " + "; ".join(f"{code.value}, {text}" for code, text in meanings.items()) + "."
