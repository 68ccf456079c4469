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
        if not isinstance(value, dict):
            problems.append(f"{path}: must be an object, not {describe(value)}")
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


def array_of(check: Check) -> Check:
    """Return the check of an array whose every item passes `check`."""

    def check_array(value: Any, path: str, problems: list[str]) -> None:
        if not isinstance(value, list):
            problems.append(f"{path}: must be an array, not {describe(value)}")
            return
        for index, item in enumerate(value):
            check(item, f"{path}[{index}]", problems)

    return check_array


def constant(expected: str) -> Check:
    """Return the check of a string that has one allowed value."""

    def check_constant(value: Any, path: str, problems: list[str]) -> None:
        if value != expected:
            problems.append(f'{path}: must be "{expected}"')

    return check_constant


def check_string(value: Any, path: str, problems: list[str]) -> None:
    """Check a string; it may be empty."""
    if not isinstance(value, str):
        problems.append(f"{path}: must be a string, not {describe(value)}")


def check_text(value: Any, path: str, problems: list[str]) -> None:
    """Check a string that must say something."""
    if not isinstance(value, str):
        problems.append(f"{path}: must be a string, not {describe(value)}")
    elif not value.strip():
        problems.append(f"{path}: must not be empty")


def check_boolean(value: Any, path: str, problems: list[str]) -> None:
    """Check a JSON boolean; the strings "true" and "false" are none."""
    if not isinstance(value, bool):
        problems.append(f"{path}: must be a boolean, not {describe(value)}")


def is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value is a finite JSON number (in Python a boolean is an integer; in JSON it is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_number(value: Any, path: str, problems: list[str]) -> None:
    """Check a finite JSON number."""
    if not is_number(value):
        problems.append(f"{path}: must be a number, not {describe(value)}")
