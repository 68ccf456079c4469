"""What the sandboxes of the demo hold: by region and partner, and whether it is what the LMS takes for delivered."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings

from demo.learning import destinations, people
from demo.report import table

# The organization of the courses of the site that has accounts, in an id of a course at Percipio.
CAMPUS_COURSES = "course:CampusX+"
# Examples that are shown of what went wrong.
FEW = 6


@dataclass(frozen=True)
class Journal:
    """A sandbox's file of everything that it accepted, of which the first ``before`` lines are older than this run."""

    region: str
    path: Path
    before: int = 0

    def entries(self) -> Iterator[Entry]:
        """What its lines say. Not by splitlines(): a text may hold separators that it takes for the end of a line."""
        text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        for number, line in enumerate(line for line in text.split("\n") if line):
            read = json.loads(line)
            yield Entry(self.region, read["partner"], read["kind"], number >= self.before, read["body"])


@dataclass(frozen=True)
class Entry:
    """What arrived at which partner of which region; ``is_new`` in this run.

    ``kind`` is ``statement``, ``track`` (a Track record) or ``content`` (an item of the catalog).
    """

    region: str
    partner: str
    kind: str
    is_new: bool
    body: dict[str, Any]

    @property
    def is_track(self) -> bool:
        """Whether it is a Track record."""
        return self.kind == "track"

    @property
    def is_item(self) -> bool:
        """Whether it is an item of the catalog, which names no learner."""
        return self.kind == "content"

    @property
    def email(self) -> str:
        """The learner's address, empty for an item of the catalog."""
        if self.is_item:
            return ""
        return str(self.body["user"] if self.is_track else self.body["actor"]["mbox"].removeprefix("mailto:"))

    @property
    def course(self) -> str:
        """The course's id at Percipio."""
        return str(self.body["object"]["id"] if self.kind == "statement" else self.body["content_id"])

    @property
    def what(self) -> str:
        """What is said, in a word."""
        if self.is_item:
            return "item of the catalog"
        if self.is_track:
            return f"Track record: {self.body['status']}"
        return f"statement: {self.body['verb']['display']['en-US']}"

    @property
    def is_strangers(self) -> bool:
        """Whether it is at a partner, or in a region, whose learner it is not.

        The demo says so by itself (``people``, ``destinations``), whatever the plugin holds for true. Somebody whom an
        operator has added is not judged.
        """
        customer = people.customer_at(self.email)
        if customer is None:
            return False
        of_customers = {destinations.partner_of(one) for one in people.CUSTOMERS}
        if not self.course.startswith(CAMPUS_COURSES):
            return self.partner in of_customers
        own = (destinations.partner_of(customer), destinations.region_of(customer))
        return not customer or (self.partner, self.region) != own


@dataclass
class _Arrived:
    """At one partner in this run. A Track record has no id, so they are counted."""

    ids: set[str] = field(default_factory=set)
    records: int = 0

    def add(self, entry: Entry) -> None:
        if entry.is_track:
            self.records += 1
        else:
            self.ids.add(str(entry.body["id"]))


def show_received(journals: Sequence[Journal]) -> None:
    """What is in the files, by region and partner: items of the catalog, and what is said of learners."""
    found: Counter[tuple[str, str, str]] = Counter()
    learners: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    courses: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for entry in (entry for journal in journals for entry in journal.entries()):
        key = (entry.region, entry.partner, entry.what)
        found[key] += 1
        learners[key] |= {entry.email} - {""}
        courses[key].add(entry.course)
    print(
        "\nWhat arrived, in this run or an earlier, a line each in " + " and ".join(one.path.name for one in journals)
    )
    lines = [
        (*key, str(len(courses[key])), str(len(learners[key]) or ""), str(count))
        for key, count in sorted(found.items())
    ]
    table(("region", "partner", "what", "courses", "learners", "how many"), lines)


def compare(since: datetime, journals: Sequence[Journal]) -> int:
    """Hold what the LMS takes for delivered in this run against what arrived in it at each partner, and say so.

    Arguments:
        since: when the run began.
        journals: what the sandboxes accepted.

    Returns:
        How many were delivered and have not arrived, and how many, of any run, are at a partner whose they are not.
    """
    arrived: dict[str, _Arrived] = defaultdict(_Arrived)
    strangers = []
    for entry in (entry for journal in journals for entry in journal.entries() if not entry.is_item):
        if entry.is_strangers:
            strangers.append(f"{entry.email} in {entry.course} at {entry.partner}, {entry.region}")
        if entry.is_new:
            arrived[entry.partner].add(entry)
    delivered = _delivered(since)
    missing = sum(
        max(0, len(uuids - arrived[partner].ids) - arrived[partner].records) for partner, uuids in delivered.items()
    )
    count = sum(len(one.ids) + one.records for one in arrived.values())
    print(f"\nDelivered in this run, as the LMS holds: {sum(map(len, delivered.values()))}. Arrived: {count}.", end=" ")
    print(f"{missing} of them never arrived." if missing else "Nothing is missing.")
    if strangers:
        print(f"{len(strangers)} arrived at a partner whose learner it is not:", *strangers[:FEW], sep="\n  ")
    else:
        print("Each partner's record holds its own learners only.")
    return missing + len(strangers)


def _delivered(since: datetime) -> dict[str, set[str]]:
    """The ids of what was delivered, by the partner of the account that it was made for."""
    partners: dict[tuple[int, str], str] = {}
    for model, account in (("PercipioConfiguration", None), ("Account", "name")):
        for row in apps.get_model("percipio_openedx", model).objects.order_by("pk"):
            partners[row.site_id, getattr(row, account) if account else ""] = row.partner_name
    rows = apps.get_model("percipio_openedx", "Statement").objects.filter(state="delivered", settled_at__gte=since)
    found: dict[str, set[str]] = defaultdict(set)
    for uuid, *place in rows.values_list("uuid", "destination__site_id", "destination__account"):
        found[partners.get(tuple(place)) or settings.PERCIPIO_PARTNER_NAME].add(str(uuid))
    return found
