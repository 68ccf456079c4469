"""Text from elsewhere, made fit for any column of any database. Pure."""

from __future__ import annotations

import re

# No database takes half a surrogate pair, PostgreSQL takes no NUL, and tables in MySQL's utf8mb3 take nothing beyond
# the Basic Multilingual Plane: every Open edX database was of that kind once, and many still are.
_UNFIT = re.compile("[\0\ud800-\udfff\U00010000-\U0010ffff]")
REPLACEMENT = "\ufffd"


def fitted(text: str, longest: int | None = None) -> str:
    """Return the text with U+FFFD for each character that some column cannot hold, cut to ``longest`` characters."""
    return _UNFIT.sub(REPLACEMENT, text[:longest])
