"""About attributes of a course, each a read of the modulestore."""

from __future__ import annotations

from opaque_keys.edx.keys import CourseKey
from xmodule.modulestore.django import modulestore

ABOUT_ATTRIBUTES = (
    "description",
    "duration",
    "effort",
    "overview",
    "short_description",
    "subtitle",
    "syllabus",
    "title",
)


class CourseDetails:
    """What the About page shows."""

    def __init__(self, org: str, course_id: str, run: str) -> None:
        self.org = org
        self.course_id = course_id
        self.run = run
        self.language: str | None = None
        self.short_description = ""
        self.description = ""
        self.overview = ""
        self.effort: str | None = None
        self.instructor_info: dict[str, list[dict[str, str]]] = {"instructors": []}

    @classmethod
    def fetch(cls, course_key: CourseKey) -> CourseDetails:
        """All details of a course run."""
        course = modulestore().get_course(course_key)
        details = cls(course_key.org, course_key.course, course_key.run)
        details.language = course.language
        details.instructor_info = course.instructor_info
        for name in ("short_description", "description", "overview"):
            setattr(details, name, cls.fetch_about_attribute(course_key, name) or "")
        details.effort = cls.fetch_about_attribute(course_key, "effort")
        return details

    @classmethod
    def fetch_about_attribute(cls, course_key: CourseKey, attribute: str) -> str | None:
        """One attribute, or None where the course team wrote none."""
        if attribute not in ABOUT_ATTRIBUTES:
            raise ValueError(f"'{attribute}' is not a valid course about attribute.")
        return modulestore().get_about(course_key, attribute)
