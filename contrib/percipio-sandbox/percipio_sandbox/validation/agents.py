"""Agents and groups (xAPI 1.0.3, Data 2.4.2)."""

from __future__ import annotations

from typing import Any

from percipio_sandbox.validation.formats import check_iri, check_mailbox, check_sha1
from percipio_sandbox.validation.shapes import Check, Shape, array_of, check_string, check_text, constant, is_a

IDENTIFIERS = ("mbox", "mbox_sha1sum", "openid", "account")

_check_account = Shape({"homePage": check_iri, "name": check_text}, required=("homePage", "name"))
_IDENTIFIED: dict[str, Check] = {
    "name": check_string,
    "mbox": check_mailbox,
    "mbox_sha1sum": check_sha1,
    "openid": check_iri,
    "account": _check_account,
}
_agent_shape = Shape({"objectType": constant("Agent"), **_IDENTIFIED})


def identifiers(value: dict[str, Any]) -> list[str]:
    """Return the names of the inverse functional identifiers that an agent or a group carries."""
    return [name for name in IDENTIFIERS if name in value]


def check_agent(value: Any, path: str, problems: list[str]) -> None:
    """Check an Agent: known properties and exactly one identifier (Data 2.4.2.1)."""
    _agent_shape(value, path, problems)
    if isinstance(value, dict) and len(identifiers(value)) != 1:
        problems.append(f"{path}: must have exactly one of {', '.join(IDENTIFIERS)} (Data 2.4.2.1)")


_group_shape = Shape(
    {"objectType": constant("Group"), "member": array_of(check_agent), **_IDENTIFIED},
    required=("objectType",),
)


def check_group(value: Any, path: str, problems: list[str]) -> None:
    """Check a Group: at most one identifier, and members when it has none (Data 2.4.2.2)."""
    _group_shape(value, path, problems)
    if not isinstance(value, dict):
        return
    found = identifiers(value)
    if len(found) > 1:
        problems.append(f"{path}: must have at most one of {', '.join(IDENTIFIERS)} (Data 2.4.2.2)")
    if not found and not value.get("member"):
        problems.append(f"{path}.member: a group without an identifier needs members (Data 2.4.2.2)")


def check_actor(value: Any, path: str, problems: list[str]) -> None:
    """Check an Agent or a Group, told apart by `objectType`, which may be absent for an Agent."""
    if isinstance(value, dict) and value.get("objectType") == "Group":
        check_group(value, path, problems)
    else:
        check_agent(value, path, problems)


def check_authority(value: Any, path: str, problems: list[str]) -> None:
    """Check the authority: an Agent, or an anonymous Group of exactly two (Data 2.4.9)."""
    if not is_a(dict, value, path, problems):
        return
    check_actor(value, path, problems)
    if value.get("objectType") == "Group":
        members = value.get("member")
        if identifiers(value) or not isinstance(members, list) or len(members) != 2:
            problems.append(f"{path}: a group as authority has no identifier and two members (Data 2.4.9)")
