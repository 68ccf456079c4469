"""When two statements are the same statement (xAPI 1.0.3, Data 2.3.1)."""

from __future__ import annotations

from typing import Any

# What an LRS adds by itself, so that its presence on one side says nothing about the content.
_SET_BY_THE_LRS = ("id", "stored", "authority", "version")


def same_content(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Tell whether two valid statements say the same.

    The verb's display, the definitions of activities and what an LRS adds are outside the comparison; so is the
    timestamp when one of the two has none. Durations are compared as text.
    """
    if first == second:
        return True
    left, right = _reduced(first), _reduced(second)
    if "timestamp" not in left or "timestamp" not in right:
        left.pop("timestamp", None)
        right.pop("timestamp", None)
    return left == right


def _reduced(statement: dict[str, Any]) -> dict[str, Any]:
    reduced = {name: value for name, value in statement.items() if name not in _SET_BY_THE_LRS}
    reduced["verb"] = statement["verb"]["id"]
    target = statement["object"]
    reduced["object"] = _reduced(target) if target.get("objectType") == "SubStatement" else _without_definition(target)
    activities = statement.get("context", {}).get("contextActivities")
    if activities is not None:
        reduced["context"] = {**statement["context"], "contextActivities": _reduced_activities(activities)}
    return reduced


def _without_definition(target: dict[str, Any]) -> dict[str, Any]:
    reduced = {name: value for name, value in target.items() if name != "definition"}
    reduced.setdefault("objectType", "Activity")
    return reduced


def _reduced_activities(activities: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        name: [_without_definition(item) for item in (value if isinstance(value, list) else [value])]
        for name, value in activities.items()
    }
