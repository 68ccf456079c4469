"""Strings that do not show themselves, and their encryption: client secrets in the database, tokens in the cache.

The keys are the plugin's own: ``PERCIPIO_ENCRYPTION_KEYS``, newest first, else ``SECRET_KEY`` and
``SECRET_KEY_FALLBACKS``. Never ``FERNET_KEYS``: edx-platform sets that to a public text (``DUMMY KEY CHANGE BEFORE
GOING TO PRODUCTION`` in ``lms/envs/common.py``), and Tutor leaves it so.

Reads these settings itself, because the encrypted column lies beneath ``config``.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_variables

from percipio_openedx.exceptions import PercipioConfigurationError

SETTING = "PERCIPIO_ENCRYPTION_KEYS"
# Characters. Tutor makes a SECRET_KEY of 24.
SHORTEST = 16
# With fewer different characters a key was typed, not drawn.
_FEWEST_DIFFERENT = 5
# Placeholders in settings files; the digits are edx-platform's own for development.
_EXAMPLE = re.compile(
    "dummy|insecure|example|replace|change.?me|change before|dev key|secret.?key"
    "|85920908f28904ed733fe576320db18cabd7b6cd",
    re.IGNORECASE,
)
# Separates these keys from others derived from the same text.
_INFO = b"percipio_openedx.encryption"
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
    """A secret from a column; ``sealed`` are its encrypted bytes, decrypted by the newest key or an older one.

    Without a value no key decrypts it: to be entered again, and kept as it is, since the key may return.
    """

    __slots__ = ("is_newest", "is_readable", "sealed")

    def __init__(self, value: str | None, sealed: bytes, *, is_newest: bool = False) -> None:
        # The bytes stand in for an unreadable value: truthy, and equal to itself alone.
        super().__init__(sealed.hex() if value is None else value)
        self.sealed, self.is_newest, self.is_readable = sealed, is_newest, value is not None

    def reveal(self) -> str:
        """Return the value, or raise ``PercipioConfigurationError`` for one that is unreadable."""
        if not self.is_readable:
            raise unreadable()
        return super().reveal()


def unreadable() -> PercipioConfigurationError:
    """Return the error for a secret that cannot be decrypted, with its fix."""
    return PercipioConfigurationError(
        "PERCIPIO_CLIENT_SECRET",
        _(
            "is stored, and none of this LMS's keys decrypts it: type it again in the configuration, or give the LMS "
            "the key back that it was stored with"
        ),
    )


# --- keys -------------------------------------------------------------------------------------------------------------


@sensitive_variables()
def problem() -> PercipioConfigurationError | None:
    """Return what is wrong with the newest key, so that nothing is encrypted with it; None for a good one."""
    name, keys = _named_keys()
    if not keys:
        return PercipioConfigurationError(SETTING, _("must be a list of texts, the newest key first"))
    weakness = _weakness(keys[0])
    return None if weakness is None else PercipioConfigurationError(name, weakness)


@sensitive_variables()
def has_weak_older_keys() -> bool:
    """Whether one of the older keys, which only decrypt, is an example or short."""
    return any(_weakness(key) is not None for key in _named_keys()[1][1:])


@sensitive_variables()
def keys() -> tuple[str, ...]:
    """Return the keys in use, newest first, so that they can be masked."""
    return _named_keys()[1]


@sensitive_variables()
def seal(secret: Secret) -> bytes:
    """Encrypt with the newest key; ``PercipioConfigurationError`` if it is an example, short or missing."""
    mistake = problem()
    if mistake is not None:
        raise mistake
    return _ciphers(_named_keys()[1])[0].encrypt(secret.reveal().encode())


@sensitive_variables()
def unseal(sealed: bytes) -> StoredSecret:
    """Decrypt with whichever key fits; unreadable if none does."""
    for place, cipher in enumerate(_ciphers(_named_keys()[1])):
        try:
            value = cipher.decrypt(sealed).decode()
        except (InvalidToken, UnicodeDecodeError):
            continue
        return StoredSecret(value, sealed, is_newest=place == 0)
    return StoredSecret(None, sealed)


@sensitive_variables()
def resealed(secret: StoredSecret) -> bytes:
    """Return the bytes to store a stored secret again: with the newest key if possible, else unchanged."""
    if secret.is_newest or not secret.is_readable or problem() is not None:
        return secret.sealed
    return seal(secret)


def _named_keys() -> tuple[str, tuple[str, ...]]:
    """Return the name of the setting with the keys, and the keys, newest first; none if it is not a list."""
    own = getattr(settings, SETTING, None)
    if own:
        is_list = isinstance(own, list | tuple) and all(isinstance(key, str) and key for key in own)
        return SETTING, tuple(own) if is_list else ()
    try:
        return "SECRET_KEY", (str(settings.SECRET_KEY), *map(str, settings.SECRET_KEY_FALLBACKS))
    except ImproperlyConfigured:
        # May be empty where nothing is served.
        return "SECRET_KEY", ()


def _weakness(key: str) -> Promise | str | None:
    if _EXAMPLE.search(key) or len(set(key)) < _FEWEST_DIFFERENT:
        return _(
            "holds, as the key to encrypt with, an example that everybody can read; set PERCIPIO_ENCRYPTION_KEYS to a "
            "list with a long random text"
        )
    if len(key) < SHORTEST:
        return _(
            "holds, as the key to encrypt with, a text that is too short; set PERCIPIO_ENCRYPTION_KEYS to a list with "
            "a long random text"
        )
    return None


@lru_cache(maxsize=8)
def _ciphers(keys: tuple[str, ...]) -> tuple[Fernet, ...]:
    return tuple(Fernet(base64.urlsafe_b64encode(_derived(key.encode()))) for key in keys)


def _derived(key: bytes) -> bytes:
    """Derive a key of the right length from any text (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(key)
