"""Values of Tutor's configuration as Python source for the LMS's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tutor.exceptions import TutorError

# The five values that have a name of their own in Tutor's configuration, and the two switches.
OWN = (
    "PERCIPIO_ENABLED",
    "PERCIPIO_REGION",
    "PERCIPIO_PARTNER_NAME",
    "PERCIPIO_ORGANIZATION_ID",
    "PERCIPIO_CLIENT_ID",
    "PERCIPIO_CLIENT_SECRET",
    "PERCIPIO_KEEP_EVENT_ROUTING",
)
_NAME = re.compile(r"PERCIPIO_[A-Z][A-Z_]*")


def text(value: Any) -> str:
    """A Python string literal. An id of digits alone arrives as a number, since Tutor reads values as YAML."""
    return repr("" if value is None else str(value))


def literal(value: Any) -> str:
    """A Python literal: Jinja's ``tojson`` would write ``true`` and ``null``, which Python cannot read."""
    return repr(value)


def further(settings: Any) -> Iterator[tuple[str, str]]:
    """Name and Python literal of each of ``PERCIPIO_SETTINGS``.

    Raises:
        TutorError: it is no mapping, or holds a name that is not one of the plugin's further settings.
    """
    if not isinstance(settings, dict):
        raise TutorError("PERCIPIO_SETTINGS must be a mapping of setting names to values")
    for name, value in settings.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise TutorError(f"PERCIPIO_SETTINGS: {name!r} is not the name of a PERCIPIO_* setting")
        if name in OWN:
            raise TutorError(f"PERCIPIO_SETTINGS: {name} is set by the Tutor value of the same name")
        yield name, literal(value)
