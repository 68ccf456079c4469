"""What a course run's progress depends on, besides the learner: its version, its partitions, and what is not known.

It is remembered, and so is what follows from it (``at_once``).
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.utils import timezone
from opaque_keys.edx.keys import CourseKey

from percipio_openedx import __version__
from percipio_openedx.edx_platform.courses import outline_version
from percipio_openedx.edx_platform.door import forget_request, platform, release
from percipio_openedx.edx_platform.progress import collected
from percipio_openedx.exceptions import PlatformUnavailable

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Value = TypeVar("Value")

# The schemes of edx-platform whose groups follow from rows that are read here (``learner_classes``); teams and those of
# other packages do not.
COHORTS = "openedx.core.djangoapps.course_groups.partition_scheme.CohortPartitionScheme"
EXPERIMENTS = "openedx.core.djangoapps.user_api.partition_schemes.RandomUserPartitionScheme"
TRACKS = frozenset(
    {
        "openedx.core.djangoapps.verified_track_content.partition_scheme.EnrollmentTrackPartitionScheme",
        "openedx.features.content_type_gating.partitions.ContentTypeGatingPartitionScheme",
    }
)
SCHEMES = TRACKS | {COHORTS, EXPERIMENTS}


class CourseVersion(NamedTuple):
    """What is true of a course run for all learners.

    Arguments:
        text: equal texts mean equal answers for learners of whom the same is true; empty if it cannot be told.
        structure: that part of it which tells of the collected structure.
        is_cohorted: learners without a cohort are (or may be) put into one when the platform is asked.
        gated_since: enrollments from then on are gated; None without gating.
    """

    text: str
    structure: str = ""
    is_cohorted: bool = False
    gated_since: datetime | None = None


class StructureFacts(NamedTuple):
    """What the collected structure says.

    Arguments:
        partitions: the platform's own, those that close some block.
        banks: keys of the blocks from which each learner has some children.
        reason: why the platform is asked learner by learner; empty if it need not be.
        is_known: whether all that the answer depends on is read here, be it that the platform is asked.
    """

    partitions: tuple[Any, ...] = ()
    banks: tuple[str, ...] = ()
    reason: str = ""
    is_known: bool = True

    def has(self, *schemes: str) -> bool:
        """Whether a partition of one of these schemes closes a block."""
        return any(scheme_of(partition) in schemes for partition in self.partitions)


class Remembered(Generic[Value]):
    """Values by a text that names everything they depend on, in the process and in Django's cache.

    A cache that does not answer knows nothing. Its keys have the plugin's version, since another one may keep another
    form.

    Arguments:
        seconds: for how long, wherever it is taken from.
        most: how many in the process.
    """

    def __init__(self, name: str, seconds: int, most: int) -> None:
        self._name, self._seconds = name, seconds
        self._here = LocMemCache(f"percipio:{name}", {"timeout": seconds, "max_entries": most})

    def get(self, text: str) -> Value | None:
        key = self._key(text)
        found: Value | None = self._here.get(key)
        if found is None:
            with suppress(PlatformUnavailable), platform("cache"):
                until, found = cache.get(key, (0.0, None))
                if found is not None:
                    self._here.set(key, found, until - time.time())
        return found

    def set(self, text: str, value: Value) -> None:
        key = self._key(text)
        self._here.set(key, value)
        with suppress(PlatformUnavailable), platform("cache"):
            cache.set(key, (time.time() + self._seconds, value), timeout=self._seconds)

    def forget(self) -> None:
        self._here.clear()

    def _key(self, text: str) -> str:
        return f"percipio:{self._name}:{__version__}:{hashlib.sha256(text.encode()).hexdigest()}"


# A day, since they follow from the structure alone, which its version names.
FACTS: Remembered[StructureFacts] = Remembered("course-facts", seconds=86_400, most=500)


def course_version(key: CourseKey) -> CourseVersion:
    """Return the version of a course run, in a constant number of queries.

    The collected structure's row changes in the same moment as the platform's answers. Modes, links and the gating's
    configuration are read by the platform at each answer.
    """
    from common.djangoapps.course_modes.models import CourseMode
    from lms.djangoapps.course_blocks.transformers import library_content
    from openedx.core.djangoapps.course_groups.models import CourseCohortsSettings, CourseUserGroupPartitionGroup
    from openedx.features.content_type_gating.models import ContentTypeGatingConfig

    # Modes and the gating's configuration are cached for a request, which a loop never ends.
    forget_request()
    structure = outline_version(str(key))
    if not structure:
        return CourseVersion("")
    modes = sorted(
        repr((one.slug, one.expiration_datetime, one.expiration_datetime and one.expiration_datetime < timezone.now()))
        for one in CourseMode.modes_for_course(key, include_expired=True, only_selectable=False)
    )
    links = CourseUserGroupPartitionGroup.objects.filter(course_user_group__course_id=key)
    groups = sorted(links.values_list("course_user_group_id", "partition_id", "group_id"))
    # Without a row: the platform makes one from what the course says as soon as it is asked for a cohort.
    cohorted = CourseCohortsSettings.objects.filter(course_id=key).values_list("is_cohorted", flat=True).first()
    gating = ContentTypeGatingConfig.current(course_key=key)
    is_gated = bool(gating.enabled) and gating.enabled_as_of is not None
    gates = is_gated, gating.enabled_as_of, gating.studio_override_enabled
    # Another LMS answers otherwise of the same structure: Ulmo itself since April 2026 (point release), of item banks.
    code = release(), hasattr(library_content, "ItemBankMixin")
    text = repr((code, structure, modes, groups, cohorted, gates))
    return CourseVersion(
        text=hashlib.sha256(text.encode()).hexdigest(),
        structure=structure,
        is_cohorted=cohorted is not False,
        gated_since=gating.enabled_as_of if is_gated else None,
    )


def course_facts(key: CourseKey, version: CourseVersion, user: User) -> StructureFacts:
    """Return the facts of a course run; reads its structure once for each version of it.

    Arguments:
        user: anybody, for whom the platform may have to collect the structure anew, as when it is asked.
    """
    name = f"{key} {version.structure}"
    found = FACTS.get(name)
    if found is None:
        found = _read(key, user)
        FACTS.set(name, found)
    return found


def scheme_of(partition: Any) -> str:
    """Return the scheme's class; its ``name`` is set only in a process that asked for the scheme."""
    scheme = partition.scheme if isinstance(partition.scheme, type) else type(partition.scheme)
    return f"{scheme.__module__}.{scheme.__qualname__}"


def _read(key: CourseKey, user: User) -> StructureFacts:
    from lms.djangoapps.course_blocks.transformers.user_partitions import UserPartitionTransformer
    from xblock.completable import XBlockCompletionMode

    structure = collected(key, user)
    closing: set[int] = set()
    for block in structure:
        access = structure.get_transformer_block_field(block, UserPartitionTransformer, "merged_group_access")
        closing.update(access.get_allowed_groups() if access is not None else ())
    every = structure.get_transformer_data(UserPartitionTransformer, "user_partitions") or []
    partitions = tuple(partition for partition in every if partition.id in closing)
    # Texts, problems and many others say nothing, and are completable.
    known = {None, XBlockCompletionMode.COMPLETABLE, XBlockCompletionMode.AGGREGATOR, XBlockCompletionMode.EXCLUDED}
    modes = {structure.get_xblock_field(block, "completion_mode") for block in structure} - known
    banks = tuple(str(block) for block in structure if _is_bank(block.block_type))
    schemes = sorted({scheme_of(partition) for partition in partitions} - SCHEMES)
    reason = ""
    if schemes:
        reason = f"blocks are closed by the partition scheme {schemes[0]}"
    elif banks:
        reason = "it has random content"
    elif modes:
        reason = f"a block has the completion mode {sorted(map(str, modes))[0]}"
    return StructureFacts(partitions, banks, reason, is_known=not schemes)


def _is_bank(block_type: str) -> bool:
    """Whether each learner has some children of such a block; Ulmo draws from ``library_content`` alone."""
    from xblock.core import XBlock
    from xblock.plugin import PluginMissingError

    if block_type in ("library_content", "itembank"):
        return True
    try:
        from xmodule.item_bank_block import ItemBankMixin

        return issubclass(XBlock.load_class(block_type), ItemBankMixin)
    except (ImportError, PluginMissingError):
        return False
