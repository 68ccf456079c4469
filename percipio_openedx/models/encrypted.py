"""A column whose value is encrypted with the plugin's own keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from percipio_openedx import encryption
from percipio_openedx.secret import Secret, StoredSecret

if TYPE_CHECKING:
    _Field = models.Field[Secret | str, Secret]
else:
    _Field = models.Field


class EncryptedSecretField(_Field):
    """A ``Secret``, stored as ciphertext; text that is assigned to it becomes one.

    Reading raises nothing: what no key decrypts is an ``UnreadableSecret``. Saving encrypts with the newest key, and
    leaves an unreadable secret as it is. It cannot be searched for, and no serializer shows it.
    """

    description = "A secret, encrypted"
    empty_values = (None, "", b"", Secret(""))

    def get_internal_type(self) -> str:
        """Stored as bytes."""
        return "BinaryField"

    def to_python(self, value: Any) -> Any:
        """Make text a secret, when a form's row is cleaned."""
        return Secret(value) if isinstance(value, str) else value

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Secret | None:
        """Decrypt what was read."""
        if value is None:
            return None
        sealed = bytes(value)
        return encryption.unseal(sealed) if sealed else Secret("")

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Bytes to compare with: only whether there is a secret can be asked, as ``exclude(client_secret=b"")``."""
        return connection.Database.Binary(value) if isinstance(value, bytes) else value

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt what is to be written.

        Raises:
            PercipioConfigurationError: the newest key is none to encrypt with.
        """
        return connection.Database.Binary(_sealed(value))

    def value_to_string(self, obj: models.Model) -> str:
        """Nothing for ``dumpdata``: what is written into a file is no secret any more."""
        return ""


def _sealed(value: Secret | str | None) -> bytes:
    if isinstance(value, StoredSecret):
        return encryption.resealed(value)
    secret = value if isinstance(value, Secret) else Secret(value or "")
    return encryption.seal(secret) if secret else b""
