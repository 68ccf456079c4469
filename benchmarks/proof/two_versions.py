"""A class that learns while its LMS goes to another version and back: two installed versions at work side by side."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.proof import clock, messages
from benchmarks.proof.expected import Lms
from benchmarks.proof.lms import Installation
from benchmarks.proof.releases import Release
from benchmarks.proof.servers import Program, running, wait_for_port

# Faults of Percipio that leave rows under way where the versions change.
SCENARIOS = ("slow=0.2:6", "stall=1:2", "unavailable-503:3", "lost-answer:4", "server-500:4", "flaky=0.4:20")
# Learners whose LMS is of the first version, of the second, and of the first after the way back.
GROUPS = ((1, 16), (17, 32), (33, 44))
WORKERS = 2
# Seconds between two acts while a group takes its time, so that it has some left after a slow migration; and that a
# phase may take.
PAUSE, PATIENCE = 0.5, 120.0
# Seconds after which a version that neither observes nor sends has come to a standstill: longer than the slots of two
# killed runs are kept from others (180 s, `percipio_openedx.operations.run`), for two is all there are.
STANDSTILL = 210.0
# Percipio's and the worker's waits pass quickly: so many seconds of the workers' clock every two seconds.
HASTE = 60.0
HOUR = 3700.0

PASS = re.compile(r"pass observed=(\d+) statements=(\d+) held=\d+(?: rebuilt=\d+)? sent=(\d+)")
_REFUSED = re.compile(r"TypeError: run\(\) takes|TypeError: run\(\) got|Received unregistered task")


@dataclass(frozen=True)
class Work:
    """What a version's workers did: learners' courses observed, statements made and sent, messages refused."""

    observed: int = 0
    made: int = 0
    sent: int = 0
    refused: int = 0

    def since(self, before: Work) -> Work:
        """What was done after ``before``."""
        return Work(
            self.observed - before.observed,
            self.made - before.made,
            self.sent - before.sent,
            self.refused - before.refused,
        )

    def __str__(self) -> str:
        return f"{self.observed:>5} {self.made:>5} {self.sent:>5}"


@dataclass(frozen=True)
class Phase:
    """A part of the way, and what each version did in it."""

    title: str
    first: Work
    second: Work
    seconds: float


@dataclass
class Side:
    """One version: how its processes are started, and its workers."""

    release: Release
    lms: Installation
    workers: list[Program] = field(default_factory=list)

    def work(self) -> Work:
        """What its workers did, as their logs say."""
        observed = made = sent = refused = 0
        for log in self.lms.folder.glob(f"{self.lms.label}worker*.log"):
            text = log.read_text("utf-8", errors="replace")
            for found in PASS.finditer(text):
                observed, made, sent = (
                    sum(pair) for pair in zip((observed, made, sent), map(int, found.groups()), strict=True)
                )
            refused += len(_REFUSED.findall(text))
        return Work(observed, made, sent, refused)

    def run(self, name: str, arguments: Sequence[str]) -> None:
        """A process of this version that comes to its end.

        Raises:
            RuntimeError: it failed.
        """
        program = self.lms.program(name, arguments)
        with running([program]):
            code = program.process.wait(timeout=PATIENCE) if program.process else None
        if code:
            raise RuntimeError(f"{program.log} ended with {code}")


class TwoVersions:
    """The way there and back. ``live`` takes it; the rest says what happened."""

    def __init__(self, lms: Installation, first: Release, second: Release, seed: int, stack: ExitStack) -> None:
        self._lms = lms
        self.first = Side(first, replace(lms, home=first.home, label="first-"))
        self.second = Side(second, replace(lms, home=second.home, label="second-"))
        self._seed = seed
        self._stack = stack
        self._dice = random.Random(f"versions:{seed}")
        self._offset = 0.0
        self._kept: dict[bytes, tuple[int, str]] = {}
        self.phases: list[Phase] = []
        self.messages = 0
        self.migrations: list[str] = []
        self.standstills: list[str] = []

    def live(self) -> None:
        """There and back, and until nobody has anything to do."""
        self._begin()
        with self._phase("first version, no worker yet"):
            pupils = self._pupils(self.first, 0)
            self._until("notices wait", lambda: self._lms.open_rows()[0] >= 5)
            self._send_messages()
        with self._phase("first version at work"):
            self._start_workers(self.first)
            self._until_working(self.first)
        with self._phase("second version's tables, first version at work"):
            self._disturb()
            self._migrate(self.second.release.head, pupils)
            self._until_working(self.first)
        with self._phase("both versions at work"):
            self._start_workers(self.second)
            later_pupils = self._pupils(self.second, 1)
            self._send_messages()
            self._until_working(self.first, self.second)
            self._finish(pupils, 0)
        with self._phase("first version goes"):
            self._stop_workers(self.first)
            self._until_working(self.second)
        with self._phase("first version comes back"):
            self._start_workers(self.first)
            last_pupils = self._pupils(self.first, 2)
            self._send_messages()
            self._until_working(self.first)
        with self._phase("second version goes"):
            self._stop_workers(self.second)
            before = self.first.work()
            self._finish(later_pupils, 1)
            self._until_working(self.first, since=before)
        with self._phase("first version's tables again"):
            self._disturb()
            self._migrate(self.first.release.head, last_pupils)
            before = self.first.work()
            self._finish(last_pupils, 2)
            self._until_working(self.first, since=before)
        with self._phase("the rest"):
            self._calm()

    def changed_statements(self) -> int:
        """Statements that were there before a migration and are not, or are others, now. Those of the erased aside."""
        now = self._statements()
        erased = {user for (user,) in Lms(self._lms.database_url).rows(_ERASED)}
        return sum(1 for uuid, one in self._kept.items() if one[0] not in erased and now.get(uuid) != one)

    def strangers(self) -> list[str]:
        """Processes that ran another version than they were started as."""
        lines = (self._lms.folder / "presence").read_text("utf-8").splitlines()
        found = []
        for line in lines:
            name, package, head = line.split("\t")
            side = self.first if name.startswith(self.first.lms.label) else self.second
            if (Path(package).parent, head) != (side.release.home, side.release.head):
                found.append(line)
        return found

    def processes(self, side: Side) -> int:
        """How many processes of this version there were, the children of workers not counted."""
        lines = (self._lms.folder / "presence").read_text("utf-8").splitlines()
        return sum(line.startswith(side.lms.label) for line in lines)

    # --- acts ------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """An LMS as the first version makes it, and Percipio."""
        self._lms.make_database()
        self.first.run("school", ["-m", "benchmarks.proof.school"])
        self._stack.enter_context(running([self._lms.sandbox(self._seed)]))
        wait_for_port(self._lms.sandbox_port)
        for side in (self.first, self.second):
            side.workers = [side.lms.worker(number) for number in range(WORKERS)]
            self._stack.callback(_kill, side.workers)

    def _pupils(self, side: Side, group: int) -> Program:
        """Some learners in an LMS process of a version, who take their time until ``_finish``."""
        pupils = side.lms.pupils(self._seed, *GROUPS[group], PAUSE, self._gate(group))
        self._stack.enter_context(running([pupils]))
        return pupils

    def _gate(self, group: int) -> Path:
        return self._lms.folder / f"finish{group}"

    def _finish(self, pupils: Program, group: int) -> None:
        """The late ones come, and all learn to their end."""
        if not _lives(pupils):
            raise RuntimeError(f"the class of {pupils.log} ended too early")
        self._gate(group).touch()
        self._until("the class ends", lambda: not _lives(pupils))
        if pupils.process is not None and pupils.process.returncode:
            raise RuntimeError(f"{pupils.log} ended with {pupils.process.returncode}")

    def _start_workers(self, side: Side) -> None:
        for worker in side.workers:
            worker.start()

    def _stop_workers(self, side: Side) -> None:
        """One is killed, while somebody sends if that comes soon, and one is asked to end and takes its leave."""
        self._lms.set_scenario("stall=1:2")
        until = time.monotonic() + 5
        while "sending" not in self._lms.states() and time.monotonic() < until:
            time.sleep(0.05)
        killed, gone = side.workers
        killed.kill()
        gone.end()

    def _migrate(self, head: str, pupils: Program) -> None:
        """To a migration, by the second version's code, with everybody at work."""
        if not _lives(pupils) or not all(map(_lives, self.first.workers)):
            raise RuntimeError("nobody is at work during the migration")
        self._kept |= self._statements()
        began = time.monotonic()
        self.second.run("migrate", ["-m", "django", "migrate", "percipio_openedx", head, "--no-input"])
        rows = Lms(self._lms.database_url).rows(_HEAD)
        if rows != [(head,)]:
            raise RuntimeError(f"the tables are those of {rows} and not of {head}")
        self.migrations.append(f"{head} with {len(self._kept)} statements in {time.monotonic() - began:.1f} s")

    def _send_messages(self) -> None:
        self.messages += messages.send(self._lms.broker.url, self._lms.queue)

    def _disturb(self) -> None:
        """Percipio has a bad moment."""
        self._lms.set_scenario(self._dice.choice(SCENARIOS))

    def _calm(self) -> None:
        """Percipio is well, every wait is over, and fresh workers of the first version do the rest."""
        self._lms.set_scenario("ok")
        self._move(self._offset + 2 * HOUR)
        for worker in self.first.workers:
            worker.end()
            worker.start()

    # --- means -----------------------------------------------------------------------------------------------------

    @contextmanager
    def _phase(self, title: str) -> Iterator[None]:
        began, first, second = time.monotonic(), self.first.work(), self.second.work()
        yield
        seconds = time.monotonic() - began
        self.phases.append(Phase(title, self.first.work().since(first), self.second.work().since(second), seconds))

    def _until_working(self, *sides: Side, since: Work | None = None) -> None:
        """Until each of these versions has observed somebody and sent something, from now on or since then.

        One that does not is written down, and the class goes on: what was lost by it shows in the end.
        """
        before = [since or side.work() for side in sides]

        def have_worked() -> bool:
            done = [side.work().since(then) for side, then in zip(sides, before, strict=True)]
            return all(one.observed >= 2 and one.sent >= 2 for one in done)

        names = " and ".join(side.release.title for side in sides)
        try:
            self._until(f"{names} work", have_worked, STANDSTILL)
        except TimeoutError as error:
            self.standstills.append(str(error))

    def _until(self, what: str, is_so: Callable[[], bool], patience: float = PATIENCE) -> None:
        """Wait for it, while the workers' clock runs fast.

        Raises:
            TimeoutError: it takes too long.
        """
        until = time.monotonic() + patience
        tries = 0
        while not is_so():
            if time.monotonic() > until:
                raise TimeoutError(f"it takes too long until {what}")
            time.sleep(0.25)
            tries += 1
            if tries % 8 == 0:
                self._move(self._offset + HASTE)

    def _move(self, offset: float) -> None:
        self._offset = offset
        clock.move(self._lms.clock, offset)

    def _statements(self) -> dict[bytes, tuple[int, str]]:
        """Whose they are, and a hash of what they say, by id."""
        return {uuid: (user, body) for uuid, user, body in Lms(self._lms.database_url).rows(_STATEMENTS)}


_STATEMENTS = (
    "SELECT s.uuid, c.user_id, MD5(s.body) FROM percipio_openedx_statement s "
    "JOIN percipio_openedx_learnercourse c ON c.id = s.learner_course_id"
)
_ERASED = "SELECT user_id FROM user_api_userretirementstatus"
_HEAD = "SELECT MAX(name) FROM django_migrations WHERE app = 'percipio_openedx'"


def _lives(program: Program) -> bool:
    return program.process is not None and program.process.poll() is None


def _kill(programs: Sequence[Program]) -> None:
    for program in programs:
        program.kill()
