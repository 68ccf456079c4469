"""The errors this package raises, in one tree (a failed request's is ``delivery.outcomes.DeliveryError``).

``PercipioConfigurationError`` stands outside, so that no handler of delivery problems hides it. No message, ``str`` or
``repr`` holds a secret, a token or a learner's name or email.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from django.utils.functional import Promise


class PercipioError(Exception):
    """Anything that went wrong while observing, building or delivering."""


class StatementError(PercipioError):
    """A milestone has no valid statement or Track record; ``path`` is the field, ``problem`` never holds its value."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class StatementStopped(PercipioError):
    """A filter step of the site stopped a statement; ``reason`` is the step's own code, ``''`` without one."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"stopped by a filter step: {reason}" if reason else "stopped by a filter step")
        self.reason = reason


class LearnerNotNamed(PercipioError):
    """The learner has no identity that Percipio would know; ``reason`` is an ``enums.HoldReason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class QueryError(PercipioError):
    """A request to the statement resource has a bad ``parameter`` or header; ``problem`` never holds its value."""

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter
        self.problem = problem


class PlatformUnavailable(PercipioError):
    """An edx-platform interface that this plugin needs (``name``) is missing or failed."""

    def __init__(self, name: str, problem: str = "is not available in this LMS") -> None:
        super().__init__(f"{name} {problem}")
        self.name = name


class PercipioConfigurationError(ImproperlyConfigured):
    """A setting is missing or wrong. The message names the setting and the fix.

    ``str`` is English, for logs; ``message`` and ``problem`` are in the reader's language.

    Arguments:
        problem: what is wrong and what to do, translated when read.
        values: for the placeholders of ``problem``.
    """

    def __init__(self, setting: str, problem: str | Promise, **values: object) -> None:
        self.setting = setting
        self._problem = problem
        self._values = values
        with translation.override(None):
            super().__init__(self.message)

    def of_account(self, account: str) -> PercipioConfigurationError:
        """Return the same mistake as one in an account, whose fields are no settings."""
        name = self.setting.removeprefix("PERCIPIO_").lower()
        return PercipioConfigurationError(f"{name} ({account})", self._problem, **self._values)

    @property
    def problem(self) -> str:
        """Return what is wrong, in the active language."""
        return str(self._problem) % self._values if self._values else str(self._problem)

    @property
    def message(self) -> str:
        """Return the setting and what is wrong with it, in the active language."""
        return f"{self.setting}: {self.problem}"
