"""Every error this package raises, in one tree, ordered by what the caller can do about it.

``PercipioConfigurationError`` stands outside the tree, so that nothing that handles delivery problems can hide it. No
message, ``str`` or ``repr`` of these holds a secret, a token or a learner's name or email.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from django.utils.functional import Promise


class PercipioError(Exception):
    """Anything that went wrong while observing, building or delivering."""


class DeliveryError(PercipioError):
    """A request to Percipio did not succeed; ``message`` is for an operator, and redacted.

    ``retry_after`` (which the server asked for) and ``duration`` are in seconds. ``status`` is None when no answer
    came. ``is_of_token`` says that no token was to be had, so that nothing was sent.
    """

    is_of_token = False

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        duration: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.retry_after = retry_after
        self.duration = duration


class Unreachable(DeliveryError):
    """No answer at all (name look-up, connection, TLS, time-out, reset): retried later."""


class Unavailable(DeliveryError):
    """5xx, 408, 425, or something that is no answer: retried later."""


class Throttled(DeliveryError):
    """429, the rate limit: retried after ``retry_after`` where the server said so."""


class Unauthorized(DeliveryError):
    """401 or 403, also from the token endpoint: the credentials are refused, and the destination pauses."""


class TooLarge(DeliveryError):
    """413: the batch, or a single statement, is too large; smaller batches are made."""


class Refused(DeliveryError):
    """Another 4xx: the batch is split, and the content that is not taken is parked."""


class StatementError(PercipioError):
    """A milestone cannot be expressed as a valid statement or Track record.

    ``path`` is the field at fault, as ``result.score.scaled``; ``problem`` never has its value, which may be personal.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class LearnerNotNamed(PercipioError):
    """The learner has no identity that Percipio would know; ``reason`` is one of ``codes.HoldReason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class QueryError(PercipioError):
    """A question to the statement resource cannot be answered.

    ``parameter`` is the query parameter or header at fault; ``problem`` never has its value, which may be personal.
    """

    def __init__(self, parameter: str, problem: str) -> None:
        super().__init__(f"{parameter}: {problem}")
        self.parameter = parameter
        self.problem = problem


class PlatformUnavailable(PercipioError):
    """An edx-platform interface that this plugin needs is missing or failed; ``name`` says which."""

    def __init__(self, name: str, problem: str = "is not available in this LMS") -> None:
        super().__init__(f"{name} {problem}")
        self.name = name


class PercipioConfigurationError(ImproperlyConfigured):
    """A setting is missing or wrong. The message names the setting and the fix.

    ``str`` is English, for logs; ``words`` and ``problem`` are in the reader's language.

    Arguments:
        setting: as it is named in the LMS's settings.
        problem: what is wrong with it and what to do, to be translated when it is read.
        values: for the placeholders of ``problem``.
    """

    def __init__(self, setting: str, problem: str | Promise, **values: object) -> None:
        self.setting = setting
        self._problem = problem
        self._values = values
        with translation.override(None):
            super().__init__(self.message)

    @property
    def problem(self) -> str:
        """Return what is wrong, in the language in force."""
        return str(self._problem) % self._values if self._values else str(self._problem)

    @property
    def message(self) -> str:
        """Return the setting and what is wrong with it, in the language in force."""
        return f"{self.setting}: {self.problem}"
