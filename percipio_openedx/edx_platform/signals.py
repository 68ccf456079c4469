"""Signals of the platform, each harmless where a release lacks it."""

from __future__ import annotations

from importlib import import_module

from django.dispatch import Signal

missing_signals: list[str] = []


def signal(module: str, name: str) -> Signal:
    """A signal of the platform or of openedx-events, or one that nobody ever sends where this release lacks it.

    The plugin loader stops the LMS at a path that is not there; this never does. ``missing_signals`` tells the
    operator.
    """
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError):
        missing_signals.append(f"{module}.{name}")
        return Signal()
    return found  # type: ignore[no-any-return]
