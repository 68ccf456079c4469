"""Partitions of learners into groups. Source: `xmodule/partitions/partitions.py` of edx-platform, 2026."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

ENROLLMENT_TRACK_PARTITION_ID = 50

# On the platform these are entry points of `openedx.user_partition_scheme`.
TRACKS = "openedx.core.djangoapps.verified_track_content.partition_scheme"
SCHEMES = {
    "random": "openedx.core.djangoapps.user_api.partition_schemes.RandomUserPartitionScheme",
    "cohort": "openedx.core.djangoapps.course_groups.partition_scheme.CohortPartitionScheme",
    "enrollment_track": f"{TRACKS}.EnrollmentTrackPartitionScheme",
    "verification": "openedx.core.djangoapps.user_api.partition_schemes.ReturnGroup1PartitionScheme",
    "content_type_gate": "openedx.features.content_type_gating.partitions.ContentTypeGatingPartitionScheme",
    "lucky": "openedx.core.djangoapps.user_api.partition_schemes.LuckyPartitionScheme",
}


class UserPartitionError(Exception):
    """A partition is wrong."""


class NoSuchUserPartitionGroupError(UserPartitionError):
    """The partition has no such group."""


class Group(NamedTuple):
    """A group of a partition."""

    id: int
    name: str


class UserPartition(NamedTuple):
    """A way to divide learners; its scheme, a class, puts each into a group."""

    id: int
    name: str
    description: str
    groups: list[Group]
    scheme: Any
    parameters: dict[str, Any] = {}
    active: bool = True

    @staticmethod
    def get_scheme(name: str) -> Any:
        """The scheme. As on the platform, a scheme knows its name only in a process that asked for it."""
        if name not in SCHEMES:
            raise UserPartitionError(f"Unrecognized scheme '{name}'")
        module, _, found = SCHEMES[name].rpartition(".")
        scheme = getattr(import_module(module), found)
        scheme.name = name
        return scheme

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> UserPartition:
        """A partition as the course keeps it."""
        groups = [Group(group["id"], group["name"]) for group in value["groups"]]
        scheme = cls.get_scheme(value["scheme"])
        return cls(value["id"], value["name"], "", groups, scheme, {}, value.get("active", True))

    def get_group(self, group_id: int) -> Group:
        """The group, or `NoSuchUserPartitionGroupError`."""
        for group in self.groups:
            if group.id == group_id:
                return group
        raise NoSuchUserPartitionGroupError(group_id)

    def access_denied_message(self, block_key: Any, user: Any, user_group: Any, allowed_groups: Any) -> str | None:
        """What a learner is told who is kept out; a block with a message stays in the structure."""
        message = getattr(self.scheme, "access_denied_message", None)
        return None if message is None else message(block_key, user, user_group, allowed_groups)


def get_partition_from_id(partitions: list[UserPartition], partition_id: int) -> UserPartition | None:
    """The partition with this id, or None."""
    return next((partition for partition in partitions if partition.id == partition_id), None)
