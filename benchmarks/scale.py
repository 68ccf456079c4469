"""What a large site needs, and where its first wall is: ``python -m benchmarks.scale`` prints the tables of the docs.

A day is gone through minute by minute. Acts arrive along a curve with two peaks; each becomes a notice, notices of one
learner and course are observed together, some observations find something to report, and each organization's
statements leave in batches, one request after another. What is not done in a minute waits for the next. The costs are
those of docs/performance.md or assumptions, as docs/scale.md says; every one is an option.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields

MINUTES = 24 * 60
# One answer that is counted at once in so many is asked of the LMS as well (``reporting.course_progress``).
SAMPLED = 200


def _option(default: float, words: str) -> float:
    return field(default=default, metadata={"help": words})


@dataclass(frozen=True, slots=True)
class Case:
    """A site, what its learners do, and what things cost. Every field is an option of the command."""

    learners: float = _option(10_000_000, "accounts")
    organizations: float = _option(100, "sites, each with a Percipio organization of its own")
    largest: float = _option(0.15, "share of the learners in the largest organization")
    active: float = _option(0.05, "share of the learners who do something on a day")
    acts: float = _option(30, "signals of one active learner on a day")
    observations: float = _option(6, "observations of one active learner on a day (acts are gathered)")
    statements: float = _option(1.5, "statements of one active learner on a day")
    peak: float = _option(3.0, "the busiest minute against the average one")
    runs: float = _option(2, "PERCIPIO_PARALLEL_RUNS")
    batch: float = _option(50, "PERCIPIO_BATCH_SIZE")
    rtt: float = _option(0.1, "seconds of one request to Percipio")
    limit: float = _option(0, "requests a minute that Percipio takes from one organization; 0 for any number")
    down: float = _option(0, "hours for which Percipio is down, from the morning's peak on")
    notice_ms: float = _option(0.227, "milliseconds in the learner's request (capture, MariaDB)")
    observation_ms: float = _option(
        0.243, "milliseconds of an observation that finds nothing new (observe: 4,113 a second)"
    )
    progress_ms: float = _option(50, "milliseconds of the LMS's own progress function for one learner (assumed)")
    asking: float = _option(0.5, "share of the observations that have to ask it, since something was completed")
    together: float = _option(0, "share of those who are counted at once, with others of their course run")
    counted_ms: float = _option(1, "milliseconds of one who is counted at once (progress: 0.4 of the processor)")
    store_ms: float = _option(
        0.858, "milliseconds to build and store a statement (observe with three statements: 355 a second)"
    )
    post_ms: float = _option(0.159, "milliseconds to claim and settle a statement (delivery, 20 ms: 6,285 a second)")
    bytes: float = _option(6_000, "bytes of a statement's row with its indexes (assumed)")

    @property
    def observation_seconds(self) -> float:
        """Return the seconds of one observation on average, the LMS's own part included, without what it finds."""
        at_once = self.counted_ms + self.progress_ms / SAMPLED
        progress = (1 - self.together) * self.progress_ms + self.together * at_once
        return (self.observation_ms + self.asking * progress) / 1000

    @property
    def statements_a_day(self) -> float:
        """All organizations' statements of one day."""
        return self.learners * self.active * self.statements

    def shares(self) -> list[float]:
        """Each organization's share of the learners: the largest one, then halves of halves, evened out (Zipf)."""
        rest = [1 / rank for rank in range(2, int(self.organizations) + 1)]
        scale = (1 - self.largest) / sum(rest) if rest else 0
        return [self.largest if rest else 1.0, *(min(self.largest, one * scale) for one in rest)]


@dataclass(frozen=True, slots=True)
class Day:
    """How a day went: minutes of waiting and statements that wait at the worst, and how busy the runs were."""

    arrived: float
    delivered: float
    waiting: float
    longest: float
    busiest: float
    average: float
    caught_up: float | None


def curve(peak: float) -> list[float]:
    """The share of each minute in the day: a peak in the morning, a lower one in the evening, a quiet night."""
    raw = [
        math.exp(-(((minute / 60 - 10.5) / 2.2) ** 2)) + 0.7 * math.exp(-(((minute / 60 - 20) / 2) ** 2))
        for minute in range(MINUTES)
    ]
    # Flattened until the highest minute stands out as much as was asked for.
    average = sum(raw) / MINUTES
    weight = min(1.0, (peak - 1) / (max(raw) / average - 1))
    return [(weight * one / average + 1 - weight) / MINUTES for one in raw]


def simulate(case: Case) -> Day:
    """One day, minute by minute."""
    shares = case.shares()
    waiting = [0.0] * len(shares)
    observations = arrived = delivered = most = longest = busy = busiest = 0.0
    seconds = case.runs * 60
    caught_up: float | None = None
    down_from, down_until = 10 * 60, 10 * 60 + case.down * 60
    for minute, part in enumerate(curve(case.peak)):
        people = case.learners * case.active * part
        observations += people * case.observations
        left = seconds
        each = case.observation_seconds + case.store_ms / 1000 * case.statements / case.observations
        observed = min(observations, left / each)
        observations -= observed
        left -= observed * each
        found = observed * case.statements / case.observations
        arrived += found
        for index, share in enumerate(shares):
            waiting[index] += found * share
        if not down_from <= minute < down_until:
            for index in sorted(range(len(waiting)), key=lambda one: waiting[one]):
                sent = min(waiting[index], _most(case), left / _seconds(case))
                waiting[index] -= sent
                left -= sent * _seconds(case)
                delivered += sent
        behind = sum(waiting) + observations * case.statements / case.observations
        most = max(most, behind)
        longest = max(longest, max(waiting) / _most(case), observations * each / seconds)
        if case.down and minute >= down_until and caught_up is None and behind < case.statements_a_day / MINUTES:
            caught_up = minute - down_until
        busy += seconds - left
        busiest = max(busiest, (seconds - left) / seconds)
    return Day(arrived, delivered, most, longest, busiest, busy / (seconds * MINUTES), caught_up)


def _seconds(case: Case) -> float:
    """Seconds of one run that one statement takes: its part of a request, and the database."""
    return max(case.rtt / case.batch, 0) + case.post_ms / 1000


def _most(case: Case) -> float:
    """Statements that one organization's way takes in a minute: requests go one after another."""
    by_time = 60 / _seconds(case)
    return min(by_time, case.limit * case.batch) if case.limit else by_time


def walls(case: Case) -> Iterator[tuple[str, float, float]]:
    """Each resource: what is needed in the busiest second, and what there is."""
    people = case.learners * case.active / 86400 * case.peak
    statements = people * case.statements
    largest = statements * max(case.shares())
    observing = people * case.observations * case.observation_seconds
    keeping = statements * (case.store_ms / 1000 + _seconds(case))
    yield "runs busy with observing, storing and sending", observing + keeping, case.runs
    yield "statements stored for the largest site, one at a time under its ledger's lock", largest, 1000 / case.store_ms
    yield "statements sent to the largest organization, one request after another", largest, _most(case) / 60
    yield "notices inserted, by one connection's measure", people * case.acts, 1000 / case.notice_ms


def rows(case: Case) -> Iterator[tuple[str, str]]:
    """What the database holds and writes."""
    day = case.statements_a_day
    yield "statements a day", f"{day:,.0f}"
    yield "statements a year", f"{day * 365:,.0f}"
    yield "their rows in a year, with indexes", f"{day * 365 * case.bytes / 1e9:,.0f} GB"
    yield "notices a day, inserted and deleted", f"{case.learners * case.active * case.acts:,.0f}"
    yield "notices in the busiest second", f"{case.learners * case.active * case.acts / 86400 * case.peak:,.0f}"
    yield "statements in the busiest second", f"{day / 86400 * case.peak:,.1f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    for line in (head, ["---"] * len(head), *lines):
        print(f"| {' | '.join(line)} |")
    print()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for one in fields(Case):
        words = f"{one.metadata['help']} ({one.default:g})"
        parser.add_argument(f"--{one.name.replace('_', '-')}", type=float, default=one.default, help=words)
    given = vars(parser.parse_args())
    case = Case(**given)
    _table(("rows", ""), list(rows(case)))
    found = [(what, needed, there, needed / there) for what, needed, there in walls(case)]
    found.sort(key=lambda one: -one[3])
    lines = [
        (what, f"{needed:,.1f}", f"{there:,.1f}", f"{used:.0%}", f"{1 / used:,.1f}")
        for what, needed, there, used in found
    ]
    _table(("in the busiest second", "needed", "there is", "used", "the wall, times this size"), lines)
    _table(
        (
            "a day with",
            "waiting at the worst",
            "minutes to work that off",
            "runs busy, at the peak and on average",
            "",
        ),
        list(_days(given)),
    )


def _days(given: dict[str, float]) -> Iterator[tuple[str, ...]]:
    for words, changes in (
        ("these values", {}),
        ("half of the progress counted at once", {"together": 0.5}),
        ("four fifths of it counted at once", {"together": 0.8}),
        ("one run", {"runs": 1}),
        ("four runs", {"runs": 4}),
        ("eight runs", {"runs": 8}),
        ("a progress function of 200 ms, eight runs", {"progress_ms": 200, "runs": 8}),
        ("a round trip of 300 ms, four runs", {"rtt": 0.3, "runs": 4}),
        ("6 requests a minute for each organization, four runs", {"limit": 6, "runs": 4}),
        ("1 request a minute for each organization, four runs", {"limit": 1, "runs": 4}),
        ("Percipio down for four hours, four runs", {"down": 4, "runs": 4}),
        ("five times the statements, four runs", {"statements": given["statements"] * 5, "runs": 4}),
    ):
        day = simulate(Case(**{**given, **changes}))
        left = day.arrived - day.delivered
        note = f"{left:,.0f} left at midnight" if left > 0.01 * day.arrived else ""
        if day.caught_up is not None:
            note = f"caught up {day.caught_up:,.0f} minutes after it came back"
        yield words, f"{day.waiting:,.0f}", f"{day.longest:,.1f}", f"{day.busiest:.0%}, {day.average:.0%}", note


if __name__ == "__main__":
    main()
