"""Strings that do not show themselves."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from percipio_openedx.exceptions import PercipioConfigurationError

MASK = "••••••"


class Secret:
    """A client secret or a token. ``str``, ``repr`` and formatting give a mask; only ``reveal`` gives the value.

    Not a ``str``, so that it cannot slip into a log line, a JSON body or a task argument.
    """

    __slots__ = ("_value",)

    # False for a stored secret that no key decrypts.
    is_readable = True

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one place that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Secret({MASK if self else ''})"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled: pass ids and look it up where it is used")


class StoredSecret(Secret):
    """A secret from a column; ``sealed`` are its encrypted bytes, decrypted by the newest key or an older one."""

    __slots__ = ("is_newest", "sealed")

    def __init__(self, value: str, sealed: bytes, *, is_newest: bool) -> None:
        super().__init__(value)
        self.sealed = sealed
        self.is_newest = is_newest


class UnreadableSecret(StoredSecret):
    """A stored secret that no key decrypts, to be entered again; truthy and kept as it is, since the key may return."""

    __slots__ = ()

    is_readable = False

    def __init__(self, sealed: bytes) -> None:
        # Its bytes stand in for the value: truthy, and equal to itself alone.
        super().__init__(sealed.hex(), sealed, is_newest=False)

    def reveal(self) -> str:
        """Raise ``PercipioConfigurationError``: there is nothing to reveal."""
        raise unreadable()


def unreadable() -> PercipioConfigurationError:
    """Return the error for a secret that cannot be decrypted, with its fix."""
    return PercipioConfigurationError(
        "PERCIPIO_CLIENT_SECRET",
        _(
            "is stored, and none of this LMS's keys decrypts it: type it again in the configuration, or give the LMS "
            "the key back that it was stored with"
        ),
    )
