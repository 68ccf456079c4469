"""Compares what Percipio holds with what the LMS's tables say. Imports nothing of the plugin, on purpose."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.proof.expected import ACCOUNTS, Expected, Key

# A course's life, by either API. Shares stand between the first and the last words, and grow.
ORDER = {"initialized": 0, "progressed": 1, "passed": 2, "completed": 3}
TRACK_ORDER = {"started": 0, "in_progress": 1, "completed": 2}
PROGRESS = "https://w3id.org/xapi/cmi5/result/extensions/progress"
FAULTS = ("lost", "doubled", "out of order", "wrong site", "wrong account", "wrong learner", "untrue")
CATALOG_FAULTS = ("items lost", "items doubled", "wrong organization", "before its item")


@dataclass
class Verdict:
    """The numbers, and the first examples of each fault."""

    expected: int = 0
    held: int = 0
    items: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def fault(self, name: str, example: str) -> None:
        """Count one."""
        self.faults[name] += 1
        if self.faults[name] <= 5:
            self.examples.append(f"{name}: {example}")

    @property
    def is_good(self) -> bool:
        """Whether there is nothing wrong at all."""
        return not self.faults


@dataclass(frozen=True)
class Said:
    """One thing that was reported to Percipio."""

    partner: str
    email: str
    name: str | None
    content: str
    word: str
    detail: Any
    registration: str | None

    @property
    def fact(self) -> tuple[str, Any]:
        """What was said, without of whom."""
        return self.word, self.detail


def said(lines: Iterable[Mapping[str, Any]]) -> list[Said]:
    """Read the sandbox's lines, in the order in which it took them in."""
    return [_track(line) if line["kind"] == "track" else _statement(line) for line in lines]


def _statement(line: Mapping[str, Any]) -> Said:
    body = line["body"]
    word = body["verb"]["id"].rsplit("/", 1)[1]
    detail = body["result"]["extensions"][PROGRESS] if word == "progressed" else body["timestamp"]
    email = body["actor"]["mbox"].removeprefix("mailto:")
    registration = body["context"]["registration"]
    return Said(line["partner"], email, body["actor"].get("name"), body["object"]["id"], word, detail, registration)


def _track(line: Mapping[str, Any]) -> Said:
    body = line["body"]
    word = body["status"]
    detail = body["completion_percentage"] if word == "in_progress" else body["event_date"]
    return Said(line["partner"], body["user"], None, body["content_id"], word, detail, None)


def judge(expected: Mapping[Key, Expected], reported: Iterable[Said]) -> Verdict:
    """Hold one against the other."""
    verdict = Verdict(expected=sum(len(one.must) for one in expected.values() if not one.retired))
    by_key: dict[Key, list[Said]] = defaultdict(list)
    for one in reported:
        verdict.held += 1
        by_key[one.email, one.content].append(one)
    for key in expected.keys() | by_key.keys():
        _judge_one(key, expected.get(key), by_key.get(key, []), verdict)
    _registrations(by_key, verdict)
    return verdict


def _judge_one(key: Key, one: Expected | None, reported: list[Said], verdict: Verdict) -> None:
    if one is None:
        for said_one in reported:
            verdict.fault("wrong learner", f"{key} was never enrolled: {said_one.fact}")
        return
    accounts = ACCOUNTS[one.site]
    facts = Counter(said_one.fact for said_one in reported)
    for said_one in reported:
        if said_one.partner not in {account.partner for account in accounts}:
            verdict.fault("wrong site", f"{key} reported to {said_one.partner}: {said_one.fact}")
        elif said_one.partner not in one.partners:
            verdict.fault("wrong account", f"{key} of {sorted(one.partners)} at {said_one.partner}: {said_one.fact}")
        if not one.retired and said_one.name is not None and said_one.name != one.name:
            verdict.fault("wrong learner", f"{key} is called {said_one.name}")
        if said_one.fact not in one.may:
            verdict.fault("untrue", f"{key} {said_one.fact}, true is {sorted(one.must, key=str)}")
    if not one.retired:
        for fact in one.must - facts.keys():
            verdict.fault("lost", f"{key} {fact}, reported was {[said_one.fact for said_one in reported]}")
    for fact, count in facts.items():
        if count > 1:
            verdict.fault("doubled", f"{key} {fact} {count} times")
    for word in ("initialized", "passed", "completed", "started"):
        if len({said_one.detail for said_one in reported if said_one.word == word}) > 1:
            verdict.fault("doubled", f"{key} {word} with several times")
    order = TRACK_ORDER if accounts[0].by_track else ORDER
    # What waits for one account holds up nothing that is told to another.
    for partner in sorted({said_one.partner for said_one in reported}):
        _judge_order(key, [said_one for said_one in reported if said_one.partner == partner], order, verdict)


def _judge_order(key: Key, reported: list[Said], order: Mapping[str, int], verdict: Verdict) -> None:
    ranks = [
        (order.get(one.word, -1), one.detail if one.word in ("progressed", "in_progress") else 0) for one in reported
    ]
    if ranks != sorted(ranks):
        verdict.fault("out of order", f"{key} {[one.fact for one in reported]}")


def _registrations(by_key: Mapping[Key, list[Said]], verdict: Verdict) -> None:
    """One registration for each learner and course run, and nobody else's."""
    owners: dict[str, set[Key]] = defaultdict(set)
    for key, reported in by_key.items():
        for one in reported:
            if one.registration is not None:
                owners[one.registration].add(key)
    for registration, keys in owners.items():
        if len(keys) > 1:
            verdict.fault("wrong learner", f"registration {registration} is shared by {sorted(keys)}")
    for key, reported in by_key.items():
        if len({one.registration for one in reported}) > 1:
            verdict.fault("wrong learner", f"{key} has several registrations")
