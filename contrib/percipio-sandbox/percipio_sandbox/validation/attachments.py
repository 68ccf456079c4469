"""Attachments (xAPI 1.0.3, Data 2.4.11), as far as a body of JSON alone can carry them."""

from __future__ import annotations

import re
from typing import Any

from percipio_sandbox.validation.formats import check_iri, check_language_map
from percipio_sandbox.validation.shapes import Shape, array_of, check_string

_MEDIA_TYPE = re.compile(r"[\w.+!#$&^-]+/[\w.+!#$&^-]+(?:\s*;.*)?", re.ASCII)


def _check_media_type(value: Any, path: str, problems: list[str]) -> None:
    if not isinstance(value, str) or _MEDIA_TYPE.fullmatch(value) is None:
        problems.append(f"{path}: must be a media type, as image/png (Data 2.4.11)")


def _check_length(value: Any, path: str, problems: list[str]) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        problems.append(f"{path}: must be a whole number of bytes (Data 2.4.11)")


check_attachments = array_of(
    Shape(
        {
            "usageType": check_iri,
            "display": check_language_map,
            "description": check_language_map,
            "contentType": _check_media_type,
            "length": _check_length,
            "sha2": check_string,
            "fileUrl": check_iri,
        },
        # A request of JSON alone carries no bytes, so that the attachment must say where they are (Data
        # 2.4.11).
        required=("usageType", "display", "contentType", "length", "sha2", "fileUrl"),
    )
)
