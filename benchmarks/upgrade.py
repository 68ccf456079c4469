"""Nothing lost while the LMS goes to another version of the plugin and back, with everybody at work.

Two versions are installed, each in a folder of its own, and work on one MariaDB database and one broker: a class learns
in LMS processes of both, workers of both observe and send, the tables go to the second version and back, workers leave
by themselves and are killed, and messages of other versions stand in the queue. In the end, what Percipio holds is
compared with what the LMS's own tables say, as ``benchmarks.chaos`` does.

::

    python -m benchmarks.upgrade                       # this code and the next version, an old commit and this code
    python -m benchmarks.upgrade --next                # this code and the next version: a script makes it of this one
    python -m benchmarks.upgrade --old v1.0.0          # a commit of this repository and this code
    python -m benchmarks.upgrade --against-the-rule    # a next version that must not be made so: found, and ends with 1

The old commit is the oldest whose migrations this code has unchanged. In a shallow clone, without a history, there is
none.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.proof import releases, servers
from benchmarks.proof.expected import Lms
from benchmarks.proof.lms import Installation
from benchmarks.proof.releases import Release
from benchmarks.proof.two_versions import TwoVersions
from benchmarks.proof.verdict import FAULTS, Verdict, judge, said

# Seconds that what is left over may take in the end.
PATIENCE = 240.0


def main() -> int:
    """Run; 0 when nothing was lost, doubled, out of order or somebody else's."""
    chosen = _arguments()
    pairs = [chosen.old] if chosen.old else [None]
    if not (chosen.old or chosen.next or chosen.against_the_rule):
        oldest = releases.oldest_commit()
        if oldest is None:
            print("LEFT OUT: an old commit beside this code, because there is no history here.")
        else:
            pairs.append(oldest)
    return max(_try(old, chosen) for old in pairs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--next", action="store_true", help="only this code and the scripted next version")
    which.add_argument("--old", type=releases.commit_of, metavar="REVISION", help="only that commit and this code")
    which.add_argument(
        "--against-the-rule", action="store_true", help="a next version that older code cannot live with"
    )
    parser.add_argument("--seed", type=int, default=1, help="what the class does, and what goes wrong")
    parser.add_argument("--keep", action="store_true", help="leave the logs")
    return parser.parse_args()


def _try(old: str | None, chosen: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="upgrade-"))
    try:
        is_good = _run(folder, old, chosen)
    except BaseException:
        print(f"What happened until then: {folder}")
        raise
    if is_good and not chosen.keep:
        shutil.rmtree(folder)
    else:
        print(f"Logs: {folder}")
    return 0 if is_good else 1


def _run(folder: Path, old: str | None, chosen: argparse.Namespace) -> bool:
    began = time.monotonic()
    first, second = _releases(folder, old, against_the_rule=chosen.against_the_rule)
    with ExitStack() as stack:
        lms = _installation(folder, stack)
        course = TwoVersions(lms, first, second, chosen.seed, stack)
        course.live()
        settled = lms.settle(PATIENCE)
        verdict = judge(Lms(lms.database_url).expected(), said(lms.held()))
        if not settled:
            notices, statements = lms.open_rows()
            verdict.fault("lost", f"still waiting in the end: {notices} notices, {statements} statements")
        changed, strangers = course.changed_statements(), course.strangers()
        print(f"\nTwo versions with {lms.broker.name}: seed {chosen.seed}, {time.monotonic() - began:.0f} s")
        _print(course, lms, verdict, changed, strangers)
    return verdict.is_good and not (changed or strangers or course.standstills)


def _releases(folder: Path, old: str | None, *, against_the_rule: bool) -> tuple[Release, Release]:
    """The first version and the second."""
    if old is not None:
        return releases.of_commit(old, folder / "first"), releases.this(folder / "second")
    return releases.this(folder / "first"), releases.the_next(folder / "second", against_the_rule=against_the_rule)


def _installation(folder: Path, stack: ExitStack) -> Installation:
    """The servers, running, and no LMS on them yet."""
    database = servers.mariadb(folder, servers.borrowed("database"))
    broker = servers.redis(folder, servers.borrowed("redis"))
    for server in (database, broker):
        stack.callback(server.stop)
        server.start()
    lms = Installation(folder, database, broker, broker)
    stack.callback(lms.drop)
    return lms


def _print(course: TwoVersions, lms: Installation, verdict: Verdict, changed: int, strangers: list[str]) -> None:
    sides = {"first": course.first, "second": course.second}
    for name, side in sides.items():
        text = f"{side.release.title}, tables {side.release.head}, {course.processes(side)} processes"
        print(f"  {name + ' version':<34} {text}")
    print(f"\n  {'observed, made, sent by':<48} {'first':>17} {'second':>20}  seconds")
    for phase in course.phases:
        print(f"  {phase.title:<48} {phase.first}    {phase.second}  {phase.seconds:>7.1f}")
    refused = ", ".join(f"{side.work().refused} by the {name}" for name, side in sides.items())
    states = ", ".join(f"{state} {count}" for state, count in sorted(lms.states().items()))
    rows: list[tuple[str, object]] = [
        *(("migrated to", text) for text in course.migrations),
        ("messages of other versions", f"{course.messages}, refused {refused}"),
        ("statements in the LMS", states),
        ("learners' courses in the LMS", len(Lms(lms.database_url).expected())),
        ("facts that Percipio must hold", verdict.expected),
        ("statements and records it holds", verdict.held),
        *((name, verdict.faults[name]) for name in FAULTS),
        ("statements changed by a migration", changed),
        ("processes of a wrong version", len(strangers)),
        ("standstills", len(course.standstills)),
    ]
    print()
    for name, value in rows:
        print(f"  {name:<34} {value}")
    for example in (*verdict.examples, *strangers[:5], *course.standstills):
        print(f"    {example}")


if __name__ == "__main__":
    sys.exit(main())
