"""What Percipio should hold, worked out from the LMS's tables alone. Imports nothing of the plugin, on purpose.

A second opinion: plain SQL, and the rules as an operator would say them. A learner who is enrolled has *started*; has
*passed* and *completed* where the grade says so (on the site that reports by the Track API: *completed* where every
unit is done); and whoever is still on the way has the last progress reported (99 where every unit is done, and that is
not enough). Progress on the way there may be reported or not, depending on when somebody observed it; it is true all
the same, and grows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

Key = tuple[str, str]
"""A learner's address and a course's id in Percipio."""

DEFAULT_SITE = 1
# What is reported of all units where they do not complete the course.
MOST_PROGRESS = 99


@dataclass(frozen=True)
class Account:
    """How a site, or one of its accounts, reports, as the operator of the harness entered it.

    ``organization`` and ``provider`` say whose learners it has: those with a link that says so, everybody without.
    """

    partner: str
    by_track: bool = False
    organization: str = ""
    provider: str = ""

    def fits(self, links: Sequence[Link]) -> bool:
        """Whether a learner with these links may be its own."""
        if self.organization:
            return any(link.organization == self.organization for link in links)
        return not self.provider or any(link.provider == self.provider for link in links)


@dataclass(frozen=True)
class Link:
    """A learner's single-sign-on link."""

    provider: str
    organization: str


ACCOUNTS: Mapping[int, tuple[Account, ...]] = {
    1: (Account("demo-academy"),),
    2: (
        Account("demo-birch", organization="d03bf1aa-85a3-5b0e-8c71-98a004bea6f0"),
        Account("demo-cedar", organization="36f43213-f2fc-50a0-bc7f-bc8afe20d4ab"),
    ),
    3: (Account("demo-workshop", by_track=True),),
    4: (Account("demo-harbor", provider="tpa-saml"),),
}


@dataclass(frozen=True)
class Expected:
    """One learner in one course run. ``must`` and ``may`` are facts: a word, and a time or a share.

    ``partners`` are those that may know of it; none for a learner of no account. ``retired`` learners are erased: what
    was said of them before is true, and nothing has to be said.
    """

    site: int
    name: str
    retired: bool
    must: frozenset[tuple[str, Any]]
    may: frozenset[tuple[str, Any]]
    partners: frozenset[str]


@dataclass
class _Course:
    org: str
    content: str
    units: dict[int, set[str]] = field(default_factory=dict)


class Lms:
    """Reads the tables of the LMS at a ``mysql://`` address."""

    def __init__(self, url: str) -> None:
        self._url = url

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query, as they are now. Each has its own connection, as the server may have been killed."""
        connection = connect(self._url)
        try:
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())
        finally:
            connection.close()

    def expected(self) -> dict[Key, Expected]:
        """Everything that Percipio should know, by learner and course."""
        sites = self.sites()
        courses = self._courses()
        people = self._people()
        grades = {
            (user, course): passed
            for user, course, passed in self.rows(
                "SELECT user_id, course_id, passed_timestamp FROM grades_persistentcoursegrade WHERE letter_grade <> ''"
            )
        }
        done, last = self._done()
        links = self._links()
        found: dict[Key, Expected] = {}
        enrollments = self.rows("SELECT user_id, course_id, created FROM student_courseenrollment")
        for user, course_key, created in enrollments:
            course, (email, name, retired) = courses[course_key], people[user]
            site = sites.get(course.org, DEFAULT_SITE)
            share = _progress(course, done[user, course_key])
            accounts = ACCOUNTS[site]
            must, may = (_by_track if accounts[0].by_track else _by_statements)(
                created, grades.get((user, course_key)), share, last.get((user, course_key)), len(course.units)
            )
            # Retirement takes the links away: whose learner it was is not known any more.
            fitting = [one.partner for one in accounts if retired or one.fits(links[user])]
            found[email, course.content] = Expected(
                site,
                name,
                retired,
                must=frozenset(must if fitting else ()),
                may=frozenset(must | may),
                partners=frozenset(fitting),
            )
        return found

    def sites(self) -> dict[str, int]:
        """The site of each organization that one claims."""
        found = {}
        rows = self.rows("SELECT site_id, site_values FROM site_configuration_siteconfiguration WHERE enabled = 1")
        for site, values in rows:
            for org in json.loads(values).get("course_org_filter", []):
                found[org] = site
        return found

    def _courses(self) -> dict[str, _Course]:
        found = {}
        for pk, key in self.rows("SELECT id, course_key FROM learning_storedcourse"):
            org, number, _run = key.removeprefix("course-v1:").split("+")
            course = found[key] = _Course(org, f"course:{org}+{number}")
            blocks = self.rows(
                f"SELECT id, parent_id, block_type, usage_key FROM learning_storedblock WHERE course_id = {pk}"
            )
            course.units = {block: set() for block, _, kind, _ in blocks if kind == "vertical"}
            for _, parent, _, usage_key in blocks:
                if parent in course.units:
                    course.units[parent].add(usage_key)
        return found

    def _people(self) -> dict[int, tuple[str, str, bool]]:
        original = dict(self.rows("SELECT user_id, original_email FROM user_api_userretirementstatus"))
        rows = self.rows(
            "SELECT u.id, u.email, COALESCE(p.name, '') FROM auth_user u "
            "LEFT JOIN auth_userprofile p ON p.user_id = u.id"
        )
        return {user: (original.get(user, email), name, user in original) for user, email, name in rows}

    def _links(self) -> dict[int, list[Link]]:
        found: dict[int, list[Link]] = defaultdict(list)
        for user, provider, extra in self.rows("SELECT user_id, provider, extra_data FROM social_auth_usersocialauth"):
            (organization,) = json.loads(extra)["percipioOrganizationUuid"]
            found[user].append(Link(provider, organization))
        return found

    def _done(self) -> tuple[dict[tuple[int, str], set[str]], dict[tuple[int, str], datetime]]:
        done: dict[tuple[int, str], set[str]] = defaultdict(set)
        last: dict[tuple[int, str], datetime] = {}
        rows = self.rows("SELECT user_id, course_key, block_key, completion, modified FROM completion_blockcompletion")
        for user, course_key, block, completion, modified in rows:
            if completion == 1.0:
                done[user, course_key].add(block)
            # What is left of a completion that was taken back is nothing that the learner did.
            if completion > 0:
                last[user, course_key] = max(modified, last.get((user, course_key), modified))
        return done, last


def connect(url: str) -> Any:
    """A connection of the database client's own, without Django."""
    import MySQLdb  # type: ignore[import-untyped]

    parts = urlsplit(url)
    return MySQLdb.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
        charset="utf8mb4",
        connect_timeout=10,
    )


def _progress(course: _Course, done: set[str]) -> int:
    complete = sum(1 for blocks in course.units.values() if blocks <= done)
    return complete * 100 // len(course.units)


def _by_statements(
    created: datetime, passed: datetime | None, share: int, last: datetime | None, units: int
) -> tuple[set[tuple[str, Any]], set[tuple[str, Any]]]:
    must: set[tuple[str, Any]] = {("initialized", millis(created))}
    if passed is not None:
        must |= {("passed", millis(passed)), ("completed", millis(passed))}
    elif share > 0:
        must.add(("progressed", min(share, MOST_PROGRESS)))
    all_done = {("progressed", MOST_PROGRESS)} if share == 100 else set()
    return must, _answers("progressed", share, units) | all_done


def _by_track(
    created: datetime, passed: datetime | None, share: int, last: datetime | None, units: int
) -> tuple[set[tuple[str, Any]], set[tuple[str, Any]]]:
    must: set[tuple[str, Any]] = {("started", _second(created))}
    if share == 100 and last is not None:
        must.add(("completed", _second(last)))
    elif share > 0:
        must.add(("in_progress", share))
    return must, _answers("in_progress", share, units)


def _answers(word: str, share: int, units: int) -> set[tuple[str, Any]]:
    """The shares that a learner had on the way, 0 and 100 left out."""
    every = {count * 100 // units for count in range(1, units)}
    return {(word, one) for one in every if one <= share}


def millis(at: datetime) -> str:
    """A time of the database (UTC) as statements have it: in whole milliseconds, rounded down."""
    return at.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _second(at: datetime) -> str:
    return at.replace(microsecond=0, tzinfo=UTC).isoformat().replace("+00:00", "Z")
