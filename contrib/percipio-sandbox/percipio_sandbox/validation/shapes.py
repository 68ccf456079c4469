"""Building blocks of the checks: objects with known properties, arrays, strings, booleans, numbers.

A check takes a value, the path at which it was found and the list to which it appends what is wrong, so
that a sender sees every fault of a statement at once instead of the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

Check = Callable[[Any, str, list[str]], None]


@dataclass(frozen=True)
class Shape:
    """An object with known properties only, names compared in exact case (xAPI 1.0.3, Data 2.2)."""

    properties: Mapping[str, Check]
    required: tuple[str, ...] = ()

    def __call__(self, value: Any, path: str, problems: list[str]) -> None:
        """Check one object and everything in it; conforms to `Check`."""
        if not is_a(dict, value, path, problems):
            return
        properties = self.properties
        for name, item in value.items():
            check = properties.get(name)
            if check is None:
                problems.append(f"{path}.{name}: unknown property{self._hint(name)}")
            else:
                check(item, f"{path}.{name}", problems)
        for name in self.required:
            if name not in value:
                problems.append(f"{path}.{name}: is required")

    def _hint(self, name: str) -> str:
        for known in self.properties:
            if known.lower() == name.lower():
                return f", write {known!r}"
        return ""


def describe(value: Any) -> str:
    """Name the JSON type of a value without showing the value, which may be personal."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def is_a(kind: type, value: Any, path: str, problems: list[str], what: str = "") -> bool:
    """Tell whether a value is of a type, and note it where it is not; `what` says more than the JSON type."""
    if isinstance(value, kind):
        return True
    problems.append(f"{path}: must be {what or describe(kind())}, not {describe(value)}")
    return False


def passing(test: Callable[[Any], bool], what: str) -> Check:
    """Return the check of a value that passes a test; `what` says what it must be."""

    def check_value(value: Any, path: str, problems: list[str]) -> None:
        if not test(value):
            problems.append(f"{path}: must be {what}")

    return check_value


def array_of(check: Check) -> Check:
    """Return the check of an array whose every item passes `check`."""

    def check_array(value: Any, path: str, problems: list[str]) -> None:
        if is_a(list, value, path, problems):
            for index, item in enumerate(value):
                check(item, f"{path}[{index}]", problems)

    return check_array


def constant(expected: str) -> Check:
    """Return the check of a string that has one allowed value."""
    return passing(lambda value: value == expected, f'"{expected}"')


def check_string(value: Any, path: str, problems: list[str]) -> None:
    """Check a string; it may be empty."""
    is_a(str, value, path, problems)


def check_text(value: Any, path: str, problems: list[str]) -> None:
    """Check a string that must say something."""
    if is_a(str, value, path, problems) and not value.strip():
        problems.append(f"{path}: must not be empty")


def check_boolean(value: Any, path: str, problems: list[str]) -> None:
    """Check a JSON boolean; the strings "true" and "false" are none."""
    is_a(bool, value, path, problems)


def is_whole(value: Any) -> TypeGuard[int]:
    """Tell whether a value is a whole JSON number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a finite JSON number (in Python a boolean is an integer; in JSON it is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_number(value: Any, path: str, problems: list[str]) -> None:
    """Check a finite JSON number."""
    if not is_number(value):
        problems.append(f"{path}: must be a number, not {describe(value)}")
