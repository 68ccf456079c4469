"""Values of Tutor's configuration as Python source for the LMS's settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from tutor.exceptions import TutorError

from tutorpercipio.values import DEFAULTS, FURTHER, OWN

PREFIX = "PERCIPIO_"


def text(value: Any) -> str:
    """Write a Python string literal. An id of digits alone arrives as a number, since Tutor reads values as YAML."""
    return repr("" if value is None else str(value))


def texts(value: Any) -> str:
    """Write a Python list of string literals.

    Raises:
        TutorError: it is no list of texts.
    """
    if not isinstance(value, list) or not all(isinstance(each, (str, int)) and each for each in value):
        raise TutorError("PERCIPIO_ENCRYPTION_KEYS must be a list of texts, the newest key first")
    return repr([str(each) for each in value])


def literal(value: Any) -> str:
    """Write a Python literal: Jinja's ``tojson`` would write ``true`` and ``null``, which Python cannot read."""
    return repr(value)


@pass_context
def further(context: Context, settings: Any) -> Iterator[tuple[str, str]]:
    """Name and Python literal of each of ``PERCIPIO_SETTINGS``.

    Raises:
        TutorError: it is no mapping, or holds a name that is not one of the plugin's further settings; or a value of
            Tutor's configuration looks like one of the plugin's and is none, so that it would do nothing.
    """
    for name in sorted(context.get_all()):
        if name.startswith(PREFIX) and name not in DEFAULTS:
            raise TutorError(f"{name} is no value of this Tutor plugin{_hint(name, DEFAULTS)}")
    if not isinstance(settings, dict):
        raise TutorError("PERCIPIO_SETTINGS must be a mapping of setting names to values")
    for name, value in settings.items():
        if name in OWN:
            raise TutorError(f"PERCIPIO_SETTINGS: {name} is set by the Tutor value of the same name")
        if name not in FURTHER:
            raise TutorError(
                f"PERCIPIO_SETTINGS: {name!r} is not the name of a PERCIPIO_* setting{_hint(name, FURTHER)}"
            )
        yield name, literal(value)


def _hint(name: Any, known: Iterable[str]) -> str:
    if name in FURTHER:
        return ": it is a setting of the LMS, and goes into PERCIPIO_SETTINGS"
    # Without what all of them begin with, by which they are all alike.
    short = {each.removeprefix(PREFIX): each for each in (*known, *FURTHER)}
    nearest = get_close_matches(str(name).removeprefix(PREFIX), short, 1)
    return f": did you mean {short[nearest[0]]}?" if nearest else ""
