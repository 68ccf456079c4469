"""A column for words that are not ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import models

from percipio_openedx.fitting import fitted

if TYPE_CHECKING:
    _CharField = models.CharField[str, str]
else:
    _CharField = models.CharField


class ForeignTextField(_CharField):
    """A text of unknown origin, made to fit its column whenever it is written or compared.

    Whatever somebody else wrote, no word of it may keep the rest of the row from being written: what no column takes
    becomes U+FFFD, and what is too long is cut. Not for what is looked up or sent again, which may not change.
    """

    def get_prep_value(self, value: Any) -> Any:
        """Return the text as the column takes it."""
        prepared = super().get_prep_value(value)
        return fitted(prepared, self.max_length) if isinstance(prepared, str) else prepared
