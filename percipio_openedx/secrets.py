"""A string that does not show itself."""

from __future__ import annotations

MASK = "••••••"


class Secret:
    """A client secret or a token. ``str``, ``repr`` and formatting give a mask; only ``reveal`` gives the value.

    Deliberately not a ``str``, so that it cannot slip into a log line, a JSON body or a task argument unseen.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({MASK if self._value else ''})"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled: pass ids and look it up where it is used")
