"""What a course is called in Percipio. Pure."""

from __future__ import annotations

from urllib.parse import quote

from percipio_openedx.data import Course
from percipio_openedx.statements.iri import is_iri


def content_id(course: Course, rule: str, lms_root: str) -> str:
    """The id under which Percipio's catalogue knows the course.

    Arguments:
        course: the course run; its own ``content_id``, set by an operator, wins.
        rule: ``PERCIPIO_CONTENT_ID``.
        lms_root: this LMS's address.
    """
    if course.content_id:
        return course.content_id
    if rule == "course_run":
        return course.key
    if rule == "url":
        return course_url(course.key, lms_root)
    return f"course:{course.org}+{course.number}"


def activity_id(content: str, lms_root: str) -> str:
    """The ``object.id`` of statements: the content id where it is an IRI already, else one made of it.

    Source: xAPI 1.0.3 Data 2.4.4.1 (an activity's id is an IRI).
    """
    if is_iri(content):
        return content
    return f"{lms_root}/percipio/content/{quote(content, safe='')}"


def course_url(course_key: str, lms_root: str) -> str:
    """The course run's address in the LMS."""
    return f"{lms_root}/courses/{quote(course_key, safe=':+@')}"
