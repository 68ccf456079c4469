"""Everything that anybody logs."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator

import pytest


@pytest.fixture
def every_log() -> Iterator[Callable[[], str]]:
    """What has been logged so far, as text, at every level.

    As an operator who wants to know it all would set up the LMS's files and console: every logger that there is lets
    everything through, those that keep their lines to themselves (the tracking log) as well.
    """
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(pathname)s %(message)s %(args)s"))
    there = [one for one in logging.Logger.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    loggers = [logging.getLogger(), *there]
    levels = [(logger, logger.level) for logger in loggers]
    listening = [logger for logger in loggers if logger.parent is None or not logger.propagate]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    for logger in listening:
        logger.addHandler(handler)
    yield written.getvalue
    for logger in listening:
        logger.removeHandler(handler)
    for logger, level in levels:
        logger.setLevel(level)
