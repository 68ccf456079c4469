"""Activities, their definitions and their interactions (xAPI 1.0.3, Data 2.4.4.1)."""

from __future__ import annotations

from typing import Any

from percipio_sandbox.validation.formats import check_extensions, check_iri, check_language_map
from percipio_sandbox.validation.shapes import Shape, array_of, check_string, check_text, constant, passing

# Which lists of components an interaction of each type may carry.
_COMPONENTS: dict[str, tuple[str, ...]] = {
    "true-false": (),
    "choice": ("choices",),
    "fill-in": (),
    "long-fill-in": (),
    "matching": ("source", "target"),
    "performance": ("steps",),
    "sequencing": ("choices",),
    "likert": ("scale",),
    "numeric": (),
    "other": (),
}
_COMPONENT_LISTS = ("choices", "scale", "source", "target", "steps")

_check_component = Shape({"id": check_text, "description": check_language_map}, required=("id",))
_component_array = array_of(_check_component)


def _check_components(value: Any, path: str, problems: list[str]) -> None:
    _component_array(value, path, problems)
    if isinstance(value, list):
        ids = [item.get("id") for item in value if isinstance(item, dict) and isinstance(item.get("id"), str)]
        if len(ids) != len(set(ids)):
            problems.append(f"{path}: the ids of the components must differ (Data 2.4.4.1)")


_check_interaction_type = passing(
    lambda value: isinstance(value, str) and value in _COMPONENTS, f"one of {', '.join(_COMPONENTS)} (Data 2.4.4.1)"
)

_definition_shape = Shape(
    {
        "name": check_language_map,
        "description": check_language_map,
        "type": check_iri,
        "moreInfo": check_iri,
        "extensions": check_extensions,
        "interactionType": _check_interaction_type,
        "correctResponsesPattern": array_of(check_string),
        **dict.fromkeys(_COMPONENT_LISTS, _check_components),
    }
)


def _check_definition(value: Any, path: str, problems: list[str]) -> None:
    _definition_shape(value, path, problems)
    if not isinstance(value, dict):
        return
    interaction = value.get("interactionType")
    if interaction is None:
        if "correctResponsesPattern" in value or any(name in value for name in _COMPONENT_LISTS):
            problems.append(f"{path}.interactionType: is required beside the properties of an interaction")
        return
    allowed = _COMPONENTS.get(interaction, ()) if isinstance(interaction, str) else ()
    for name in _COMPONENT_LISTS:
        if name in value and name not in allowed:
            problems.append(f"{path}.{name}: does not belong to this interactionType (Data 2.4.4.1)")


check_activity = Shape(
    {"objectType": constant("Activity"), "id": check_iri, "definition": _check_definition}, required=("id",)
)
