"""The progress in a course run: the platform's for one learner (10 to 500 ms), by outlines for many, the aggregator's.

An outline says which units of a course run some learners have, and what completes each. It is made by the platform's
own transformers (``lms.djangoapps.course_blocks.api``), once for all learners for whom they do the same; then units are
counted by set arithmetic. The rules are those of ``BlockCompletionTransformer`` and
``get_course_blocks_completion_summary`` (Ulmo, Verawood): units are everything at the third level; a block is complete
by a row of exactly 1.0 for its own key; an aggregator also when all of its children that are not excluded are complete;
nothing is before the learner's first such row, of whatever block; locked goes before complete.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from opaque_keys.edx.keys import CourseKey

from percipio_openedx.data import Progress
from percipio_openedx.edx_platform.door import forget_request, parsed, platform
from percipio_openedx.exceptions import PlatformUnavailable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

# In Ulmo and later: what the LMS's own progress page shows.
_MODULE, _FUNCTION = "lms.djangoapps.course_home_api.progress.api", "calculate_progress_for_learner_in_course"


def learner_progress(course_key: str, user: User) -> Progress | None:
    """Return one learner's units of a course run as the platform counts them; None if it does not say.

    Raises:
        PlatformUnavailable: it failed, as for a missing part of the course run; a retry may succeed.
    """
    key = parsed(course_key)
    try:
        with platform(f"{_MODULE.removeprefix('lms.djangoapps.')}.{_FUNCTION}"):
            counts = _platform_function()(key, user)
            if not isinstance(counts, Mapping) or "complete_count" not in counts:
                return None
            found = Progress(*(int(counts.get(f"{name}_count", 0)) for name in Progress._fields))
            if min(found) < 0:
                raise ValueError("a number of units below zero")
            return found
    finally:
        forget_request()


def progress_sources() -> list[str]:
    """Return which sources of the progress this LMS has."""
    with suppress(PlatformUnavailable), platform(_FUNCTION):
        _platform_function()
        return [_FUNCTION]
    return []


def _platform_function() -> Any:
    return getattr(import_module(_MODULE), _FUNCTION)


class Aggregated(NamedTuple):
    """The progress in completable blocks (not units), of the learner's completions up to ``last_modified``.

    It is that of ``openedx-completion-aggregator``, which has one row for a learner and course run.
    """

    progress: Progress
    last_modified: datetime

    @property
    def version(self) -> str:
        """Return a text that changes with the row, and is no version of the platform's own progress."""
        done, others, _locked = self.progress
        return f"aggregator {self.last_modified.timestamp():.6f} {done}/{done + others}"


def has_aggregator() -> bool:
    """Whether the LMS has the completion aggregator among its apps."""
    return apps.is_installed("completion_aggregator")


@platform("completion_aggregator.models.Aggregator")
def aggregated(course_key: str, user_ids: Iterable[int]) -> dict[int, Aggregated]:
    """Return what the completion aggregator counted, by learner. One query.

    Blocks that are complete in part count in part (``core.AggregationUpdater``); the sum is rounded down here, so that
    nothing is complete too early. Who has no row was never counted and is absent, and so is who has nothing to complete
    (``possible`` 0), whom the aggregator takes for complete.
    """
    from completion_aggregator.models import Aggregator

    rows = Aggregator.objects.filter(
        user_id__in=list(user_ids), aggregation_name="course", course_key=parsed(course_key), possible__gt=0
    ).order_by()
    found = {}
    for user_id, earned, possible, last_modified in rows.values_list("user_id", "earned", "possible", "last_modified"):
        done = int(earned)
        found[user_id] = Aggregated(Progress(done, max(0, int(possible) - done)), last_modified)
    return found


# --- outlines ---------------------------------------------------------------------------------------------------------

# Transformers that draw a learner's questions; a course that has any is left to the platform.
DRAWING = frozenset({"library_content", "library_content_randomize"})
TRANSFORMERS = DRAWING | {
    "start_date",
    "content_type_gate",
    "user_partitions",
    "visibility",
    "load_date_data",
    "load_override_data",
}


class Node(NamedTuple):
    """A block that counts, with what is under it.

    Arguments:
        key: a row for it completes it.
        leaves: blocks under it that only rows of their own complete; None for a block that is no aggregator.
        inner: aggregators under it.
    """

    key: str
    leaves: frozenset[str] | None
    inner: tuple[Node, ...] = ()


class Outline(NamedTuple):
    """The units that are not locked, and the number of those that are."""

    units: tuple[Node, ...]
    locked: int


def counted(outline: Outline, done: Set[str]) -> Progress:
    """Return the units of a learner with this outline, for whom these blocks are recorded as exactly 1.0."""
    complete = sum(1 for unit in outline.units if _is_complete(unit, done)) if done else 0
    return Progress(complete=complete, incomplete=len(outline.units) - complete, locked=outline.locked)


def _is_complete(node: Node, done: Set[str]) -> bool:
    if node.leaves is None or node.key in done:
        return node.key in done
    return node.leaves <= done and all(_is_complete(inner, done) for inner in node.inner)


def unknown_transformers() -> set[str]:
    """Return those that the platform runs for progress, and of which nothing is known here."""
    from django.contrib.auth.models import AnonymousUser
    from lms.djangoapps.course_blocks.api import get_course_block_access_transformers

    return {transformer.name() for transformer in get_course_block_access_transformers(AnonymousUser())} - TRANSFORMERS


def collected(key: CourseKey, user: User) -> Any:
    """Return the structure that the platform collected of a course run, a copy of one's own; 160 ms for 900 blocks."""
    from openedx.core.djangoapps.content.block_structure.api import get_block_structure_manager

    return get_block_structure_manager(key).get_collected(user)


def outline_for(key: CourseKey, user: User, partitions: tuple[Any, ...]) -> Outline:
    """Return the outline of this learner, for whom the platform draws and assigns nothing on the way.

    Arguments:
        partitions: those that close a block; asking for a learner's group in any other may assign one, and changes
            nothing.
    """
    from lms.djangoapps.course_blocks.api import get_course_block_access_transformers
    from lms.djangoapps.course_blocks.transformers.user_partitions import UserPartitionTransformer
    from lms.djangoapps.course_blocks.usage_info import CourseUsageInfo
    from openedx.core.djangoapps.content.block_structure.transformers import BlockStructureTransformers

    structure = collected(key, user)
    structure.set_transformer_data(UserPartitionTransformer, "user_partitions", list(partitions))
    access = [one for one in get_course_block_access_transformers(user) if one.name() not in DRAWING]
    transformers = BlockStructureTransformers(access)
    transformers.usage_info = CourseUsageInfo(key, user, allow_start_dates_in_future=True)
    transformers.transform(structure)
    units = list(_units(structure))
    is_locked = [bool(structure.get_xblock_field(unit, "contains_gated_content", False)) for unit in units]
    nodes: dict[Any, Node] = {}
    is_open = [_node(structure, unit, nodes) for unit, locked in zip(units, is_locked, strict=True) if not locked]
    return Outline(units=tuple(is_open), locked=sum(is_locked))


def _units(structure: Any) -> Iterator[Any]:
    for section in structure.get_children(structure.root_block_usage_key):
        for subsection in structure.get_children(section):
            yield from structure.get_children(subsection)


def _node(structure: Any, block: Any, nodes: dict[Any, Node]) -> Node:
    """Return a block's node; the structure has no circles."""
    from xblock.completable import XBlockCompletionMode

    if block in nodes:
        return nodes[block]
    leaves: frozenset[str] | None = None
    inner: list[Node] = []
    if structure.get_xblock_field(block, "completion_mode") == XBlockCompletionMode.AGGREGATOR:
        modes = {child: structure.get_xblock_field(child, "completion_mode") for child in structure.get_children(block)}
        below = [
            _node(structure, child, nodes) for child, mode in modes.items() if mode != XBlockCompletionMode.EXCLUDED
        ]
        leaves = frozenset(node.key for node in below if node.leaves is None)
        inner = [node for node in below if node.leaves is not None]
    nodes[block] = Node(str(block), leaves, tuple(inner))
    return nodes[block]
