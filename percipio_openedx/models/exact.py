"""Text that is compared character by character on every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


class ExactCharField(_CharField):
    """A ``CharField`` whose values are equal only if they are the same.

    MySQL and MariaDB take ``acme``, ``ACME`` and ``ácme`` for one word where nothing else is said, in a unique
    constraint as in a ``WHERE``; what belongs to one would go to the other. SQLite and PostgreSQL compare exactly.
    Blanks at the end are still nothing to MySQL and MariaDB: whoever writes strips them.
    """

    def db_parameters(self, connection: Any) -> Any:
        """The type of the column and, where the database has to be told, the collation that compares code points."""
        parameters: dict[str, Any] = dict(super().db_parameters(connection))
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters
