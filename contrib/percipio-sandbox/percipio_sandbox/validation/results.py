"""Results and scores (xAPI 1.0.3, Data 2.4.5)."""

from __future__ import annotations

from typing import Any

from percipio_sandbox.validation.formats import check_duration, check_extensions
from percipio_sandbox.validation.shapes import (
    Shape,
    check_boolean,
    check_number,
    check_string,
    is_number,
)

_score_shape = Shape(dict.fromkeys(("scaled", "raw", "min", "max"), check_number))


def check_score(value: Any, path: str, problems: list[str]) -> None:
    """Check a score: scaled within -1 and 1, min below max, raw between them (Data 2.4.5.1)."""
    _score_shape(value, path, problems)
    if not isinstance(value, dict):
        return
    scaled, raw, low, high = (value.get(name) for name in ("scaled", "raw", "min", "max"))
    if is_number(scaled) and not -1 <= scaled <= 1:
        problems.append(f"{path}.scaled: must be between -1 and 1 (Data 2.4.5.1)")
    if is_number(low) and is_number(high) and low >= high:
        problems.append(f"{path}.min: must be less than max (Data 2.4.5.1)")
    if is_number(raw) and is_number(low) and raw < low:
        problems.append(f"{path}.raw: must not be less than min (Data 2.4.5.1)")
    if is_number(raw) and is_number(high) and raw > high:
        problems.append(f"{path}.raw: must not be more than max (Data 2.4.5.1)")


check_result = Shape(
    {
        "score": check_score,
        "success": check_boolean,
        "completion": check_boolean,
        "response": check_string,
        "duration": check_duration,
        "extensions": check_extensions,
    }
)
