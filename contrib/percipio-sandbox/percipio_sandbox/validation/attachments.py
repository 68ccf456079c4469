"""Attachments (xAPI 1.0.3, Data 2.4.11), as far as a body of JSON alone can carry them."""

from __future__ import annotations

import re

from percipio_sandbox.validation.formats import check_iri, check_language_map
from percipio_sandbox.validation.shapes import Shape, array_of, check_string, is_whole, passing

_MEDIA_TYPE = re.compile(r"[\w.+!#$&^-]+/[\w.+!#$&^-]+(?:\s*;.*)?", re.ASCII)


_check_media_type = passing(
    lambda value: isinstance(value, str) and _MEDIA_TYPE.fullmatch(value) is not None,
    "a media type, as image/png (Data 2.4.11)",
)
_check_length = passing(lambda value: is_whole(value) and value >= 0, "a whole number of bytes (Data 2.4.11)")

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
