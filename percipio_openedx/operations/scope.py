"""The scope of a walk: which learners in which course runs, at which sites, and how many in one pass."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache

from percipio_openedx import config, edx_platform
from percipio_openedx.bulkheads import is_outage
from percipio_openedx.config import Configuration
from percipio_openedx.exceptions import PercipioConfigurationError, PlatformUnavailable

# Enrollment id, user id, creation time.
Enrolled = tuple[int, int, datetime | None]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which learners in which course runs. Empty means all.

    Arguments:
        site_id: only courses of this site.
        org: only courses of this organization.
        course_keys: only these course runs.
        user_id: only this learner.
        since, until: only learners with an act in the course in this period: an enrollment, completion, grade or
            certificate. Everything about them is reported, including older facts.
    """

    site_id: int | None = None
    org: str = ""
    course_keys: tuple[str, ...] = ()
    user_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def text(self) -> str:
        """Return a canonical text, equal for equal scopes."""
        return json.dumps({**asdict(self), "course_keys": sorted(self.course_keys)}, sort_keys=True, default=str)

    @classmethod
    def read(cls, text: str) -> Scope:
        """Return the scope with this canonical text; raises ``ValueError`` for any other."""
        given = json.loads(text)
        times = {name: given.get(name) and datetime.fromisoformat(given[name]) for name in ("since", "until")}
        return cls(**{**given, "course_keys": tuple(given["course_keys"]), **times})

    @property
    def key(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()

    def learners(self, course_key: str, rows: Sequence[Enrolled]) -> set[int]:
        """Return the enrolled learners with an act in the period."""
        user_ids = [user_id for _, user_id, _ in rows]
        if self.since is None and self.until is None:
            return set(user_ids)
        spans = [(user_id, created, created) for _, user_id, created in rows]
        for user_id, activity in edx_platform.activities(course_key, user_ids).items():
            spans.append((user_id, activity.first, activity.last))
        for user_id, grade in edx_platform.grades(course_key, user_ids).items():
            spans += [(user_id, grade.passed_at, grade.passed_at), (user_id, grade.changed, grade.changed)]
        for user_id, certificate in edx_platform.certificates(course_key, user_ids).items():
            changed = certificate.changed or certificate.created
            # A certificate shown later than it was made counts on that day.
            spans.append((user_id, certificate.created, max(changed, certificate.awarded_at or changed)))
        return {user_id for user_id, first, last in spans if self._overlaps(first, last)}

    def _overlaps(self, first: datetime | None, last: datetime | None) -> bool:
        if first is None or last is None:
            return False
        return (self.since is None or last >= self.since) and (self.until is None or first < self.until)


class Sites:
    """Configurations by course run, each site read once per run."""

    def __init__(self) -> None:
        self._site_of = cache(config.site_id_for)
        self._in_force = cache(config.for_site)

    def configuration(self, course_key: str) -> Configuration | None:
        """Return a course run's configuration, or None, or raise ``PercipioConfigurationError``."""
        return self._in_force(self._site_of(edx_platform.org_of(course_key)))

    def courses(self, scope: Scope) -> dict[str, int]:
        """Return the numbers of enrollments in a scope's course runs whose sites report.

        Raises ``PlatformUnavailable``, and ``PercipioConfigurationError`` where a site is misconfigured.
        """
        counts = edx_platform.enrollment_counts(scope.user_id)
        chosen = sorted(key for key in counts if self.is_in(scope, key))
        return {key: counts[key] for key in chosen if self.configuration(key) is not None}

    def is_in(self, scope: Scope, course_key: str) -> bool:
        """Return whether a course run is in scope, as far as its key says."""
        if scope.course_keys and course_key not in scope.course_keys:
            return False
        try:
            org = edx_platform.org_of(course_key)
        except PlatformUnavailable:
            # An enrollment in something that is no course run belongs to no site.
            return False
        return (not scope.org or org == scope.org) and (scope.site_id is None or self._site_of(org) == scope.site_id)


def raise_if_everybodys(error: Exception) -> None:
    """Raise an error that affects all items: a misconfigured site or a failing database."""
    if isinstance(error, PercipioConfigurationError):
        raise error
    if is_outage(error):
        raise PlatformUnavailable("the database", f"failed with {type(error).__name__}") from error


class Limit(threading.Event):
    """Set once a pass has no time left (``time.monotonic()``), or has walked through ``most`` enrollments."""

    def __init__(self, deadline: float, most: int) -> None:
        super().__init__()
        self._deadline, self._left = deadline, most

    def count(self, enrollments: int) -> None:
        self._left -= enrollments

    def is_set(self) -> bool:
        return self._left <= 0 or time.monotonic() >= self._deadline or super().is_set()
