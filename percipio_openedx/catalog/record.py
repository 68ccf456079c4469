"""What is said of a course to Percipio's catalog: the record of one item, and what it lacks. Pure.

The fields are those of Percipio's content import. Nothing is invented: where the LMS and the operator say nothing, and
no setting stands in, the field is missing, and an item without a mandatory field is held back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from percipio_openedx.catalog import effort
from percipio_openedx.data import CatalogPolicy, CourseRun
from percipio_openedx.enums import CatalogGap
from percipio_openedx.statements.content import language_tag, launch_url
from percipio_openedx.statements.iri import is_irl
from percipio_openedx.statements.text import plain, text_of

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
        """Return the mandatory fields that are missing, so that the item is held back."""
        mandatory = {
            CatalogGap.TITLE: self.title,
            CatalogGap.DURATION: self.duration,
            CatalogGap.LANGUAGE: self.language,
            CatalogGap.URL: self.url,
        }
        return tuple(gap for gap, value in mandatory.items() if not value)

    def document(self) -> dict[str, Any]:
        """Return the fields that are there, in Percipio's order, for JSON."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {name: list(value) if name == "tags" else value for name, value in fields.items() if value}


def record(run: CourseRun, content_id: str, wording: Wording, policy: CatalogPolicy, root: str) -> Record:
    """Return the record of an item, given the run that speaks for it; ``root`` is the site's address."""
    said = effort.seconds(run.effort, effort.weeks_of(run.start, run.end))
    tags = [plain(tag, LONGEST_TAG) for tag in wording.tags.split(",")]
    return Record(
        content_id=content_id,
        title=plain(wording.title or run.name, LONGEST_TITLE),
        type=wording.type or policy.type,
        duration=wording.duration or said or policy.duration or None,
        language=language_tag(run.language) or policy.language,
        url=launch_address(content_id, root),
        description=plain(text_of(run.description), LONGEST_DESCRIPTION),
        tags=tuple(dict.fromkeys(filter(None, tags))),
        thumbnail_url=_thumbnail(run.image, root),
        author=plain(wording.author or run.org_name, LONGEST_AUTHOR),
    )


def launch_address(content_id: str, root: str) -> str:
    """Return the address that leads a learner to the item's run, ``''`` without a root that makes it one."""
    address = launch_url(content_id, root)
    return address if content_id and is_irl(address) else ""


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
