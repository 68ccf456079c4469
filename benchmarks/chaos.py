"""Nothing lost, nothing doubled, nothing out of order, nobody else's: shown in a storm.

A class learns in the demo LMS on MariaDB, with several workers at a broker, while everything goes wrong that does go
wrong: Percipio fails in every way that the sandbox knows, workers are killed, the broker loses its messages, broker
and database are killed, the workers' clock jumps, settings are edited, and accounts are switched off and on, broken,
mended and put into another order. Three accounts on two sites have learners by their single-sign-on links; the other
sites have one account each, of everybody. Each sends its catalog, too, whose courses an operator renames. When the
storm is over, what Percipio holds is compared with what the LMS's own tables say (``proof/expected.py`` and
``proof/catalog.py``, which share no code with the plugin). Any difference is a failure.

::

    python -m benchmarks.chaos                     # some minutes, Redis and then RabbitMQ
    python -m benchmarks.chaos --full              # more than 2000 learners' courses and every fault, twenty minutes
    python -m benchmarks.chaos --broker redis --seed 5 --keep

It starts servers of its own where their programs are installed, else it uses those that the tests use
(``PERCIPIO_TEST_DATABASE_URL`` and so on), and then leaves out what would harm others.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.proof import servers
from benchmarks.proof.catalog import expected_items, judge_catalog, judge_order
from benchmarks.proof.expected import Expected, Key, Lms
from benchmarks.proof.lms import ROOT, Installation
from benchmarks.proof.servers import Program
from benchmarks.proof.storm import Storm
from benchmarks.proof.verdict import CATALOG_FAULTS, FAULTS, Verdict, judge, said

# Learners (each takes two courses), worker programs, seconds between two events and between two acts of a learner.
SHORT = {"learners": 40, "workers": 2, "every": 1.0, "pause": 0.0}
FULL = {"learners": 1200, "workers": 3, "every": 4.0, "pause": 0.0}
CLASS_PROCESSES = 2
# Seconds that the class, and then the rest of the work, may take.
PATIENCE = {False: 300.0, True: 2400.0}
# Seconds after which what still waits may wait for an account that the learner has left: the operator moves it.
AT_ONCE = 60.0


def main() -> int:
    """Run; 0 when nothing was lost, doubled, out of order or somebody else's."""
    chosen = _arguments()
    if chosen.broker == "both":
        return max(_alone(broker) for broker in ("redis", "rabbitmq"))
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    try:
        verdict = _run(chosen, folder)
    except BaseException:
        print(f"What happened until then: {folder}")
        raise
    if verdict.is_good and not chosen.keep:
        shutil.rmtree(folder)
    else:
        print(f"Logs: {folder}")
    return 0 if verdict.is_good else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--broker", choices=("redis", "rabbitmq", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1, help="what the class does, and what goes wrong when")
    parser.add_argument("--full", action="store_true", help="at least 2000 learners' courses and every fault")
    parser.add_argument("--learners", type=int, help="another number of learners; each takes two courses")
    parser.add_argument("--keep", action="store_true", help="leave the logs")
    chosen = parser.parse_args()
    form = FULL if chosen.full else SHORT
    chosen.learners = chosen.learners or int(form["learners"])
    chosen.workers, chosen.every, chosen.pause = int(form["workers"]), form["every"], form["pause"]
    return chosen


def _alone(broker: str) -> int:
    """One broker, in a process of its own: settings are read once a process."""
    command = [sys.executable, "-m", "benchmarks.chaos", *sys.argv[1:], "--broker", broker]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _run(chosen: argparse.Namespace, folder: Path) -> Verdict:
    began = time.monotonic()
    with ExitStack() as stack:
        lms = _installation(chosen.broker, folder, stack)
        stack.enter_context(servers.running([lms.sandbox(chosen.seed)]))
        servers.wait_for_port(lms.sandbox_port)
        workers = [lms.worker(number) for number in range(chosen.workers)]
        stack.enter_context(servers.running(workers))
        pupils = stack.enter_context(servers.running(_class(lms, chosen)))
        storm = Storm(lms, workers, chosen.seed, chosen.full, folder / "events.log")
        _live_through(storm, pupils, chosen)
        storm.calm()
        if not lms.settle(AT_ONCE):
            lms.move()
            lms.settle(PATIENCE[chosen.full])
        # What changed without an act, as an account that is switched on again, is found by the next day's sweep.
        storm.calm(hours=25)
        settled = lms.is_swept(PATIENCE[chosen.full]) and lms.settle(PATIENCE[chosen.full])
        expected = Lms(lms.database_url).expected()
        verdict = judge(expected, said(lms.held()))
        _judge_items(lms, verdict)
        if not settled:
            notices, statements = lms.open_rows()
            verdict.fault("lost", f"still waiting after the storm: {notices} notices, {statements} statements")
        _print(chosen, storm, lms, expected, verdict, time.monotonic() - began)
    return verdict


def _installation(broker: str, folder: Path, stack: ExitStack) -> Installation:
    """The servers, running, and an empty LMS on them."""
    database = servers.mariadb(folder, servers.borrowed("database"))
    cache = servers.redis(folder, servers.borrowed("redis"))
    chosen = cache if broker == "redis" else servers.rabbitmq(folder, servers.borrowed("rabbitmq"))
    for server in {id(one): one for one in (database, cache, chosen)}.values():
        stack.callback(server.stop)
        server.start()
    lms = Installation(folder, database, cache, chosen, sends_catalog=True)
    stack.callback(lms.drop)
    lms.make()
    return lms


def _judge_items(lms: Installation, verdict: Verdict) -> None:
    """Judge the catalog, once everything that was renamed has had its time."""
    until, expected = time.monotonic() + AT_ONCE, expected_items(Lms(lms.database_url))
    while True:
        found, lines = Verdict(), lms.held("content")
        judge_catalog(expected, lines, lms.accepted_items(), found)
        if not found.faults["items lost"] or time.monotonic() > until:
            break
        time.sleep(1.0)
    judge_order(lines, lms.held(), found)
    verdict.items, verdict.faults = len(expected), verdict.faults + found.faults
    verdict.examples += found.examples


def _class(lms: Installation, chosen: argparse.Namespace) -> list[Program]:
    size = -(-chosen.learners // CLASS_PROCESSES)
    firsts = range(1, chosen.learners + 1, size)
    return [lms.pupils(chosen.seed, first, min(first + size - 1, chosen.learners), chosen.pause) for first in firsts]


def _live_through(storm: Storm, pupils: Sequence[Program], chosen: argparse.Namespace) -> None:
    """Events until the class has learned and everything has happened.

    Raises:
        RuntimeError: a part of the class ended with an error.
        TimeoutError: the class takes too long.
    """
    until = time.monotonic() + PATIENCE[chosen.full]
    while True:
        codes = [None if one.process is None else one.process.poll() for one in pupils]
        if any(codes):
            raise RuntimeError(f"a part of the class ended with {codes}")
        if storm.is_over and None not in codes:
            return
        if time.monotonic() > until:
            raise TimeoutError("the class takes too long")
        if not storm.is_over:
            storm.strike()
        time.sleep(chosen.every)


def _print(
    chosen: argparse.Namespace,
    storm: Storm,
    lms: Installation,
    expected: Mapping[Key, Expected],
    verdict: Verdict,
    seconds: float,
) -> None:
    print(f"\nChaos with {lms.broker.name}: {chosen.learners} learners, seed {chosen.seed}, {seconds:.0f} s")
    events = ", ".join(f"{name} {count}" for name, count in sorted(storm.counts.items()))
    states = ", ".join(f"{state} {count}" for state, count in sorted(lms.states().items()))
    own = all(server.can_restart for server in (lms.database, lms.broker))
    rows: list[tuple[str, object]] = [
        ("events", events),
        ("servers", "killed and restarted" if own else "borrowed: restarts LEFT OUT"),
        ("statements in the LMS", states),
        ("learners' courses in the LMS", len(expected)),
        ("of no account, and of two", " and ".join(str(_count(expected, number)) for number in (0, 2))),
        ("facts that Percipio must hold", verdict.expected),
        ("statements and records it holds", verdict.held),
        ("items that its catalog must hold", verdict.items),
        *((name, verdict.faults[name]) for name in (*FAULTS, *CATALOG_FAULTS)),
    ]
    for name, value in rows:
        print(f"  {name:<34} {value}")
    for example in verdict.examples:
        print(f"    {example}")


def _count(expected: Mapping[Key, Expected], partners: int) -> int:
    """Learners' courses that so many accounts may be told of."""
    return sum(len(one.partners) == partners and not one.retired for one in expected.values())


if __name__ == "__main__":
    sys.exit(main())
