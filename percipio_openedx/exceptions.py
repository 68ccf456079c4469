"""Every error this package raises, ordered by what the caller can do about it.

::

    PercipioError
    ├── DeliveryError            one request to Percipio failed (``outcome`` says how)
    │   ├── Unreachable          no answer: connection, TLS, time-out        -> later
    │   ├── Unavailable          5xx, 408, 425, or an answer that is no answer -> later
    │   ├── Throttled            429, with ``retry_after``                     -> later
    │   ├── Unauthorized         401/403, or the token was refused             -> pause the destination
    │   ├── TooLarge             413                                           -> smaller batches
    │   └── Refused              another 4xx                                   -> split, then park
    ├── StatementError           a milestone cannot be expressed; carries the field path
    ├── LearnerNotNamed          no identity that Percipio would know; carries the reason
    ├── QueryError               a question to the statement resource is malformed; carries the parameter
    └── PlatformUnavailable      an edx-platform interface is missing or broken

    PercipioConfigurationError   the operator has to change a setting (outside the tree, so that
                                 nothing that handles delivery trouble can hide it)

No message, ``str`` or ``repr`` of these holds a secret, a token or a learner's name or email.
"""

from __future__ import annotations

from django.core.exceptions import ImproperlyConfigured
from django.utils import translation
from django.utils.functional import Promise


class PercipioError(Exception):
    """Anything that went wrong while observing, building or delivering."""


class DeliveryError(PercipioError):
    """A request to Percipio did not succeed.

    Arguments:
        message: what happened, in words fit for an operator (already redacted).
        status: the HTTP status, or None when no answer came.
        retry_after: seconds the server asked to wait, or None.
        duration: seconds the request took, or None.

    ``is_of_token`` says that no token was to be had, so that nothing was sent.
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
    """No answer at all: name look-up, connection, TLS, time-out, reset."""


class Unavailable(DeliveryError):
    """Percipio answered that it cannot now (5xx, 408, 425), or with something that is no answer."""


class Throttled(DeliveryError):
    """429: too many requests; ``retry_after`` where the server said so."""


class Unauthorized(DeliveryError):
    """401 or 403, also from the token endpoint: the credentials, not the statements, are refused."""


class TooLarge(DeliveryError):
    """413: the batch, or a single statement, is too large."""


class Refused(DeliveryError):
    """Another 4xx: this content will not be taken, however often it is sent."""


class StatementError(PercipioError):
    """A milestone cannot be expressed as a valid statement or Track record.

    Arguments:
        path: the field at fault, as ``result.score.scaled``.
        problem: what is wrong with it (without its value, which may be personal).
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class LearnerNotNamed(PercipioError):
    """The learner has no identity that Percipio would know; ``reason`` is one of ``data.HoldReason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class QueryError(PercipioError):
    """A question to the statement resource that cannot be answered.

    Arguments:
        parameter: the query parameter or header at fault.
        problem: what is wrong with it (without its value, which may be personal).
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
    """A setting is missing or wrong. The message names the setting and the mend.

    ``str`` is English whatever the language in force, for logs; ``words`` and ``problem`` are the reader's.

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
            super().__init__(self.words)

    @property
    def problem(self) -> str:
        """What is wrong, in the language in force."""
        return str(self._problem) % self._values if self._values else str(self._problem)

    @property
    def words(self) -> str:
        """The setting and what is wrong with it, in the language in force."""
        return f"{self.setting}: {self.problem}"
