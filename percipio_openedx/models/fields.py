"""Custom columns: exact text, foreign text, an encrypted secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from percipio_openedx import encryption
from percipio_openedx.encryption import Secret, StoredSecret
from percipio_openedx.redaction import fitted

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
    _Field = models.Field[Secret | str, Secret]
else:
    _CharField = models.CharField
    _Field = models.Field


class ExactCharField(_CharField):
    """A ``CharField`` that every database compares character by character.

    MySQL and MariaDB otherwise treat ``acme``, ``ACME`` and ``ácme`` as equal, in unique constraints and in ``WHERE``.
    They still ignore trailing blanks: strip them before writing.
    """

    def db_parameters(self, connection: Any) -> Any:
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class ForeignTextField(_CharField):
    """A text of unknown origin, fitted to its column whenever it is written or compared.

    Foreign text must not keep a row from being written: unsupported characters become U+FFFD, long text is cut. Not for
    values that are looked up or sent again.
    """

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        return fitted(prepared, self.max_length) if isinstance(prepared, str) else prepared


class EncryptedSecretField(_Field):
    """A ``Secret``, stored as ciphertext; assigned text becomes one.

    Reading never raises: what no key decrypts is an unreadable secret. Saving encrypts with the newest key, and leaves
    an unreadable secret as it is. It cannot be searched for, and ``dumpdata`` omits it.
    """

    description = "A secret, encrypted"
    empty_values = (None, "", b"", Secret(""))

    def get_internal_type(self) -> str:
        return "BinaryField"

    def to_python(self, value: Any) -> Any:
        return Secret(value) if isinstance(value, str) else value

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Secret | None:
        if value is None:
            return None
        return encryption.unseal(bytes(value)) if value else Secret("")

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        # Lookups can only ask whether there is a secret: ``exclude(client_secret=b"")``.
        return connection.Database.Binary(value) if isinstance(value, bytes) else value

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        """Encrypt the value, or raise ``PercipioConfigurationError`` if the newest key is not fit for it."""
        if isinstance(value, StoredSecret):
            sealed = encryption.resealed(value)
        else:
            secret = value if isinstance(value, Secret) else Secret(value or "")
            sealed = encryption.seal(secret) if secret else b""
        return connection.Database.Binary(sealed)

    def value_to_string(self, obj: models.Model) -> str:
        return ""
