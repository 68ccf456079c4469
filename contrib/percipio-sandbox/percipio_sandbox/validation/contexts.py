"""The context of a statement (xAPI 1.0.3, Data 2.4.6)."""

from __future__ import annotations

from typing import Any

from percipio_sandbox.validation.activities import check_activity
from percipio_sandbox.validation.agents import check_actor, check_group
from percipio_sandbox.validation.formats import check_extensions, check_language_tag, check_uuid
from percipio_sandbox.validation.shapes import Shape, array_of, check_string, constant

check_statement_ref = Shape({"objectType": constant("StatementRef"), "id": check_uuid}, required=("objectType", "id"))

_activity_array = array_of(check_activity)


def _check_activities(value: Any, path: str, problems: list[str]) -> None:
    # Data 2.4.6.2 lets a sender write a lone activity without the array around it.
    if isinstance(value, dict):
        check_activity(value, path, problems)
    else:
        _activity_array(value, path, problems)


_check_context_activities = Shape(dict.fromkeys(("parent", "grouping", "category", "other"), _check_activities))

check_context = Shape(
    {
        "registration": check_uuid,
        "instructor": check_actor,
        "team": check_group,
        "contextActivities": _check_context_activities,
        "revision": check_string,
        "platform": check_string,
        "language": check_language_tag,
        "statement": check_statement_ref,
        "extensions": check_extensions,
    }
)
