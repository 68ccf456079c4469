"""Which course runs are one item of the catalog, which of them speaks for it, and what Percipio is told of it. Pure.

The fields of a record are those of Percipio's content import. Nothing is invented: where the LMS and the operator say
nothing, and no setting stands in, the field is missing, and an item without a mandatory field is held back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from percipio_openedx.catalog import effort
from percipio_openedx.data import LONGEST_ID, CatalogPolicy, CourseRun
from percipio_openedx.enums import CatalogGap
from percipio_openedx.statements.content import language_tag, launch_url
from percipio_openedx.statements.text import is_irl, plain, text_of

EVER: Final = datetime.min.replace(tzinfo=UTC)
LONGEST_TITLE: Final = 255
LONGEST_DESCRIPTION: Final = 500
LONGEST_TAG: Final = 100
LONGEST_AUTHOR: Final = 200
# "JPG or PNG" (Percipio's content import).
IMAGES: Final = (".jpg", ".jpeg", ".png")


class Wording(NamedTuple):
    """What an operator says of a course instead of the LMS; ``duration`` in seconds, ``tags`` separated by commas."""

    title: str = ""
    type: str = ""
    duration: int | None = None
    tags: str = ""
    author: str = ""


NO_WORDING: Final = Wording()


class Standing(StrEnum):
    """Whether a run can be joined at a moment, going by its dates alone."""

    OPEN = "open"
    UPCOMING = "upcoming"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class RunInCatalog:
    """A course run with its content id, the operator's ``offer``, and whether it is offered in all."""

    run: CourseRun
    content_id: str
    offer: str = ""
    is_offered: bool = False
    wording: Wording = NO_WORDING


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """The offered course runs of one content id, as one item; the first of ``runs`` speaks for it."""

    content_id: str
    runs: tuple[RunInCatalog, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """One item as Percipio's content import names its fields; what is empty, None or 0 is missing."""

    content_id: str
    title: str
    type: str
    duration: int | None
    language: str
    url: str
    description: str = ""
    tags: tuple[str, ...] = ()
    thumbnail_url: str = ""
    author: str = ""

    @property
    def gaps(self) -> tuple[CatalogGap, ...]:
        """Return why the item is held back: the mandatory fields that are missing, and an id that no row could hold."""
        mandatory = {
            CatalogGap.TITLE: self.title,
            CatalogGap.DURATION: self.duration,
            CatalogGap.LANGUAGE: self.language,
            CatalogGap.URL: self.url,
            CatalogGap.LONG_ID: len(self.content_id) <= LONGEST_ID,
        }
        return tuple(gap for gap, value in mandatory.items() if not value)

    def document(self) -> dict[str, Any]:
        """Return the fields that are there, in Percipio's order, for JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: list(value) if name == "tags" else value for name, value in fields.items() if value}


def items(runs: Iterable[RunInCatalog], now: datetime) -> list[CatalogItem]:
    """Return the items of the runs that are offered, by content id; the runs of each in the order of ``rank``."""
    found: dict[str, list[RunInCatalog]] = {}
    for one in runs:
        if one.is_offered:
            found.setdefault(one.content_id, []).append(one)
    for alike in found.values():
        alike.sort(key=lambda one: rank(one.run, now, standing_for_all(one.run, now)))
    return [CatalogItem(content_id, tuple(alike)) for content_id, alike in sorted(found.items())]


def is_over(run: CourseRun, now: datetime) -> bool:
    return run.end is not None and run.end <= now


def standing(run: CourseRun, now: datetime) -> Standing:
    """Return whether a run can be joined. One that has ended is closed, though the platform lets learners enroll."""
    if is_over(run, now) or (run.enrollment_end is not None and run.enrollment_end <= now):
        return Standing.CLOSED
    return Standing.UPCOMING if (run.enrollment_start or EVER) > now else Standing.OPEN


def standing_for_all(run: CourseRun, now: datetime) -> Standing:
    """Return whether any learner can join a run: not one that is hidden, or by invitation only."""
    return Standing.CLOSED if run.is_hidden or run.invitation_only else standing(run, now)


def rank(run: CourseRun, now: datetime, how: Standing) -> tuple[int, float, str]:
    """Return the place of a run that stands so, by how well it answers a learner who comes now.

    First those that can be joined: what has begun, the newest first, before what begins later, the soonest first. Then
    those whose enrollment opens later, the soonest first; then the others, the latest first.
    """
    # A run without a start has begun (``has_started`` of ``course_metadata_utils``).
    start = run.start or EVER
    if how is Standing.OPEN:
        return (0, -start.timestamp(), run.key) if start <= now else (1, start.timestamp(), run.key)
    if how is Standing.UPCOMING:
        return 2, (run.enrollment_start or EVER).timestamp(), run.key
    return 3, -start.timestamp(), run.key


def record(one: RunInCatalog, policy: CatalogPolicy, root: str) -> Record:
    """Return the record of an item, given the run that speaks for it; ``root`` is the site's address."""
    run, wording = one.run, one.wording
    said = effort.seconds(run.effort, effort.weeks_of(run.start, run.end))
    tags = [plain(tag, LONGEST_TAG) for tag in wording.tags.split(",")]
    address = launch_url(one.content_id, root)
    return Record(
        content_id=one.content_id,
        title=plain(wording.title or run.name, LONGEST_TITLE),
        type=wording.type or policy.type,
        duration=wording.duration or said or policy.duration or None,
        language=language_tag(run.language) or policy.language,
        # None without a root that makes it an address.
        url=address if one.content_id and is_irl(address) else "",
        description=plain(text_of(run.description), LONGEST_DESCRIPTION),
        tags=tuple(dict.fromkeys(filter(None, tags))),
        thumbnail_url=_thumbnail(run.image, root),
        author=plain(wording.author or run.org_name, LONGEST_AUTHOR),
    )


def _thumbnail(image: str, root: str) -> str:
    """Return the absolute address of a course image, ``''`` for what is no JPG or PNG.

    ``course_image_url`` of ``openedx.core.lib.courses`` is a path of this LMS, or an address where the LMS has a CDN.
    Course files are public unless an author locks them.
    """
    path = quote(image.strip(), safe=":/?&=+@%$,;!~*'()#", errors="replace")
    address = f"https:{path}" if path.startswith("//") else path
    if address.startswith("/"):
        address = f"{root}{address}"
    is_image = urlsplit(address).path.lower().endswith(IMAGES)
    return address if is_image and is_irl(address) else ""
