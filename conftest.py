"""Loads the project's own pytest plugins, wherever pytest is started from."""

from __future__ import annotations

pytest_plugins = [
    "tests.plugins.services",
    "tests.plugins.emitted",
    "tests.plugins.flush",
    "tests.plugins.logs",
    "tests.plugins.reporting",
    "tests.plugins.thinned",
]
