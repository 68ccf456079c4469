"""What part of history a backfill is about."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from percipio_openedx import edx_platform
from percipio_openedx.exceptions import PlatformUnavailable

# Enrollment id, user id, time of creation.
Enrolled = tuple[int, int, datetime | None]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which learners in which course runs. Empty means all.

    Arguments:
        site_id: only courses of this site.
        org: only courses of this organisation.
        course_keys: only these course runs.
        user_id: only this learner.
        since, until: only learners of whom the LMS knows an act in the course within this time: an enrollment, a
            completion, a grade or a certificate. All that is true of them is reported, also what is older.
    """

    site_id: int | None = None
    org: str = ""
    course_keys: tuple[str, ...] = ()
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def text(self) -> str:
        """The same text for the same scope."""
        return json.dumps({**asdict(self), "course_keys": sorted(self.course_keys)}, sort_keys=True, default=str)

    @property
    def key(self) -> str:
        """A short name of the scope."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def courses(self, site_of: Callable[[str], int]) -> dict[str, int]:
        """The course runs in the order in which they are taken, with their numbers of enrollments.

        Arguments:
            site_of: the site of an organisation.

        Raises:
            PlatformUnavailable: the LMS could not be asked.
        """
        counts = edx_platform.enrollment_counts(self.user_id)
        return {key: counts[key] for key in sorted(counts) if self._has(key, site_of)}

    def _has(self, course_key: str, site_of: Callable[[str], int]) -> bool:
        if self.course_keys and course_key not in self.course_keys:
            return False
        if not self.org and self.site_id is None:
            return True
        try:
            org = edx_platform.org_of(course_key)
        except PlatformUnavailable:
            # Nobody's: an enrollment in what is no course run.
            return False
        return (not self.org or org == self.org) and (self.site_id is None or site_of(org) == self.site_id)

    def learners(self, course_key: str, rows: Sequence[Enrolled]) -> set[int]:
        """Those of the enrolled who did something within the time."""
        if self.since is None and self.until is None:
            return {user_id for _, user_id, _ in rows}
        user_ids = [user_id for _, user_id, _ in rows]
        spans = [(user_id, created, created) for _, user_id, created in rows]
        for user_id, activity in edx_platform.activities(course_key, user_ids).items():
            spans.append((user_id, activity.first, activity.last))
        for user_id, grade in edx_platform.grades(course_key, user_ids).items():
            spans += [(user_id, grade.passed_at, grade.passed_at), (user_id, grade.changed, grade.changed)]
        for user_id, certificate in edx_platform.certificates(course_key, user_ids).items():
            changed = certificate.changed or certificate.created
            # One that the course showed later than it was made is news of that day.
            spans.append((user_id, certificate.created, max(changed, certificate.awarded_at or changed)))
        return {user_id for user_id, first, last in spans if self._overlaps(first, last)}

    def _overlaps(self, first: datetime | None, last: datetime | None) -> bool:
        if first is None or last is None:
            return False
        return (self.since is None or last >= self.since) and (self.until is None or first < self.until)
