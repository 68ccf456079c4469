"""Everything that anybody logs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

FORM = logging.Formatter("%(levelname)s %(name)s %(pathname)s %(message)s %(args)s")


class Kept(logging.Handler):
    """Keeps each line, as text with its traceback, beside the name of its logger."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, FORM.format(record)))

    def text(self, *, without: str = "") -> str:
        """What has been logged so far, but for one logger's lines."""
        return "\n".join(line for name, line in self.lines if name != without)


@contextmanager
def keeping_every_log() -> Iterator[Callable[..., str]]:
    """What has been logged so far, as text, at every level.

    As an operator who wants to know it all would set up the LMS's files and console: every logger that there is lets
    everything through, those that keep their lines to themselves (the tracking log) as well.
    """
    kept = Kept()
    there = [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    loggers = [logging.getLogger(), *there]
    levels = [(logger, logger.level) for logger in loggers]
    listening = [logger for logger in loggers if logger.parent is None or not logger.propagate]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    for logger in listening:
        logger.addHandler(kept)
    try:
        yield kept.text
    finally:
        for logger in listening:
            logger.removeHandler(kept)
        for logger, level in levels:
            logger.setLevel(level)


@pytest.fixture
def every_log() -> Iterator[Callable[..., str]]:
    """The same, for the whole test."""
    with keeping_every_log() as text:
        yield text
