"""What Percipio's catalog should hold, worked out from the LMS's tables alone. Imports nothing of the plugin.

Every course of a site is in the organization of each of its accounts, once, under the title that an operator gave it,
else the course's own; and it came before what was said of its learners.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.proof.expected import ACCOUNTS, DEFAULT_SITE, Lms
from benchmarks.proof.verdict import Verdict

Item = tuple[str, str, str]
"""A partner, its organization, and a course's id in Percipio."""


def organization_of(partner: str) -> str:
    """The Percipio organization that an account reports to."""
    return f"{partner}-organization"


def expected_items(lms: Lms) -> dict[Item, str]:
    """The title of every item."""
    sites = lms.sites()
    titles = dict(lms.rows("SELECT course_key, title FROM percipio_openedx_courseoverride WHERE title <> ''"))
    found = {}
    for key, name in lms.rows("SELECT course_key, display_name FROM learning_storedcourse"):
        org, number, _run = key.removeprefix("course-v1:").split("+")
        for account in ACCOUNTS[sites.get(org, DEFAULT_SITE)]:
            item = account.partner, organization_of(account.partner), f"course:{org}+{number}"
            found[item] = titles.get(key, name)
    return found


def judge_catalog(
    expected: Mapping[Item, str], lines: Iterable[Mapping[str, Any]], accepted: int, verdict: Verdict
) -> None:
    """Hold what Percipio took in, in its order, against what it should have.

    ``accepted`` is how often the LMS has seen an item accepted: what it has seen it never sends again as it is.
    """
    held: dict[Item, Mapping[str, Any]] = {}
    changes = 0
    for line in lines:
        item = line["partner"], line["organization"], line["body"]["content_id"]
        changes += held.get(item) != line["body"]
        held[item] = line["body"]
        if item not in expected:
            verdict.fault("wrong organization", f"{item}")
    for item, title in expected.items():
        if item not in held or held[item]["title"] != title:
            verdict.fault("items lost", f"{item} {title!r}, held is {held.get(item)}")
    for number in range(accepted - changes):
        verdict.fault("items doubled", f"{accepted} accepted, {changes} changes ({number + 1})")


def judge_order(items: Iterable[Mapping[str, Any]], statements: Iterable[Mapping[str, Any]], verdict: Verdict) -> None:
    """What was said of learners came after their course's item."""
    first: dict[Item, str] = {}
    for line in items:
        first.setdefault((line["partner"], line["organization"], line["body"]["content_id"]), line["received"])
    for line in statements:
        body = line["body"]
        content = body["content_id"] if line["kind"] == "track" else body["object"].get("id", "")
        item = line["partner"], line["organization"], content
        if content.startswith("course:") and line["received"] < first.get(item, "~"):
            verdict.fault("before its item", f"{item} at {line['received']}, the item at {first.get(item)}")
