"""A clock of the plugin's task that the harness can move: seconds in a file, added to the time of the machine.

The LMS's own tasks in the same worker keep the true time, for what *they* store is what is expected at Percipio.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_prerun
from django.utils import timezone

PLUGIN = "percipio_openedx."

_moved: set[str] = set()


def install(file: Path) -> None:
    """Let ``django.utils.timezone.now`` follow the file while this process does the plugin's task.

    To be called before anything imports it.
    """

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=offset(file) if _moved else 0.0)

    timezone.now = now
    task_prerun.connect(_begins, weak=False)
    task_postrun.connect(_ends, weak=False)


def _begins(task_id: str = "", task: Any = None, **_: Any) -> None:
    if task.name.startswith(PLUGIN):
        _moved.add(task_id)


def _ends(task_id: str = "", **_: Any) -> None:
    _moved.discard(task_id)


def offset(file: Path) -> float:
    """Seconds by which the clock is ahead."""
    text = file.read_text()
    return float(text) if text else 0.0


def move(file: Path, seconds: float) -> None:
    """Set the clock to ``seconds`` ahead of the machine's, in one step that no reader sees half of."""
    beside = file.with_suffix(".new")
    beside.write_text(f"{seconds:.3f}")
    beside.replace(file)
