"""The LMS of the harness: its processes, what they are set up with, and how far they are."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
from uuid import uuid4

from benchmarks.proof import clock
from benchmarks.proof.expected import ACCOUNTS, Lms, connect
from benchmarks.proof.servers import Program, Server
from demo.ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
QUEUE = "default"


@dataclass
class Installation:
    """An empty LMS on given servers, with everything that it writes in one folder.

    ``home`` is where its processes find the plugin: this checkout, or a folder that some version of it is installed in.
    ``label`` tells the logs of one version's processes from another's. ``sends_catalog``: it sends its catalog, too.
    """

    folder: Path
    database: Server
    cache: Server
    broker: Server
    name: str = field(default_factory=lambda: f"percipio_chaos_{uuid4().hex[:10]}")
    sandbox_port: int = field(default_factory=free_ports)
    home: Path = ROOT
    label: str = ""
    sends_catalog: bool = False

    @property
    def database_url(self) -> str:
        """The address of the LMS's own database."""
        return urlsplit(self.database.url)._replace(path=f"/{self.name}").geturl()

    @property
    def clock(self) -> Path:
        """The file that moves the workers' clock."""
        return self.folder / "clock"

    @property
    def queue(self) -> str:
        """The queue that the plugin's task waits in."""
        return f"{self.name}.{QUEUE}"

    def environment(self) -> dict[str, str]:
        """The environment of every process."""
        sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        return {
            "DJANGO_SETTINGS_MODULE": "benchmarks.proof.settings",
            "PYTHONPATH": os.pathsep.join(dict.fromkeys((str(self.home), str(ROOT)))),
            "DEMO_VAR": str(self.folder / "var"),
            "DEMO_DATABASE_URL": self.database_url,
            "DEMO_CACHE_URL": self.cache.url,
            "CELERY_BROKER_URL": self.broker.url,
            "CHAOS_QUEUES": self.name,
            "CHAOS_CLOCK": str(self.clock),
            "CHAOS_CATALOG": "1" if self.sends_catalog else "",
            "PERCIPIO_API_URL": sandbox,
            "PERCIPIO_TOKEN_URL": f"{sandbox}/oauth2-provider/token",
        }

    def make(self) -> None:
        """The database, the tables, the courses; this process is one of the LMS from now on."""
        self.make_database()
        os.environ.update(self.environment())
        from benchmarks.proof import school

        school.main()

    def make_database(self) -> None:
        """An empty database, and a clock that is right."""
        clock.move(self.clock, 0)
        self._at_server(f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4")

    def drop(self) -> None:
        """Leave nothing behind on a server that is not ours."""
        if not self.database.can_restart:
            self._at_server(f"DROP DATABASE IF EXISTS {self.name}")

    def _at_server(self, statement: str) -> None:
        connection = connect(urlsplit(self.database.url)._replace(path="/mysql").geturl())
        connection.cursor().execute(statement)
        connection.close()

    def program(self, name: str, arguments: Sequence[str]) -> Program:
        """A process of the LMS."""
        log = self.folder / f"{self.label}{name}.log"
        own = {
            "PYTHONUNBUFFERED": "1",
            "CHAOS_PROCESS": f"{self.label}{name}",
            "CHAOS_PRESENCE": str(self.folder / "presence"),
        }
        return Program([sys.executable, *arguments], log, {**self.environment(), **own}, self.home)

    def sandbox(self, seed: int) -> Program:
        """Percipio, which knows the sites' accounts and nobody else."""
        partners = [one.partner for accounts in ACCOUNTS.values() for one in accounts]
        clients = [f"--client={partner}-client:{partner}-secret:{partner}" for partner in partners]
        options = ["--port", str(self.sandbox_port), "--seed", str(seed), "--quiet", *clients]
        return self.program("sandbox", ["-m", "percipio_sandbox", *options])

    def worker(self, number: int) -> Program:
        """A worker of two processes."""
        queues = ",".join(f"{self.name}.{end}" for end in ("default", "high", "high_mem"))
        options = ["--concurrency", "2", "--loglevel", "INFO", "--queues", queues]
        options += ["-n", f"{self.name}-{self.label}{number}@%h"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return self.program(
            f"worker{number}", ["-m", "celery", "-A", "benchmarks.proof.worker", "worker", *options, *quiet]
        )

    def pupils(self, seed: int, first: int, last: int, pause: float, until: Path | None = None) -> Program:
        """Some of the class; with ``until`` slowly, and some of them not before that file is there."""
        options = ["--seed", str(seed), "--first", str(first), "--last", str(last), "--pause", str(pause)]
        options += [] if until is None else ["--until", str(until)]
        return self.program(f"pupils{first}", ["-m", "benchmarks.proof.pupils", *options])

    def set_scenario(self, scenario: str) -> None:
        """What Percipio does from now on."""
        address = f"http://127.0.0.1:{self.sandbox_port}/_sandbox/scenario"
        body = json.dumps({"scenario": scenario}).encode()
        request = Request(address, body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            answer.read()

    def held(self, *kinds: str) -> list[dict[str, object]]:
        """Everything that Percipio holds, in the order in which it took it in; of learners, or of these kinds."""
        lines: list[dict[str, object]] = []
        for kind in kinds or ("statements", "track"):
            with urlopen(f"http://127.0.0.1:{self.sandbox_port}/_sandbox/{kind}", timeout=120) as answer:
                lines += [json.loads(line) for line in answer.read().decode().split("\n") if line]
        return lines

    def accepted_items(self) -> int:
        """How often the LMS has seen an item of the catalog accepted."""
        query = "SELECT COUNT(*) FROM percipio_openedx_deliveryattempt WHERE api = 'content' AND outcome = 'accepted'"
        return int(Lms(self.database_url).rows(query)[0][0])

    def open_rows(self) -> tuple[int, int]:
        """Notices that wait, and statements that are on their way or have to be rebuilt."""
        lms = Lms(self.database_url)
        notices = lms.rows("SELECT COUNT(*) FROM percipio_openedx_notice")[0][0]
        states = "('waiting', 'sending', 'outdated')"
        statements = lms.rows(f"SELECT COUNT(*) FROM percipio_openedx_statement WHERE state IN {states}")[0][0]
        return notices, statements

    def settle(self, patience: float) -> bool:
        """Wait until nothing is left to observe or to send; False if that takes too long."""
        until = time.monotonic() + patience
        quiet = 0
        while time.monotonic() < until:
            quiet = quiet + 1 if self.open_rows() == (0, 0) else 0
            if quiet >= 4:
                return True
            time.sleep(1.0)
        return False

    def is_swept(self, patience: float) -> bool:
        """Wait until each site's sweep has ended a round of the next day; False if that takes too long."""
        until = time.monotonic() + patience
        query = (
            "SELECT COUNT(*) FROM percipio_openedx_sweep "
            "WHERE finished_at IS NULL OR started_at < UTC_TIMESTAMP() + INTERVAL 20 HOUR"
        )
        while time.monotonic() < until:
            if Lms(self.database_url).rows(query)[0][0] == 0:
                return True
            time.sleep(1.0)
        return False

    def move(self) -> None:
        """Let the operator move what waits for an account that its learner has left in the meantime."""
        from django.core.management import call_command

        # It ends with a status where something may have been received, and is left.
        with suppress(SystemExit):
            call_command("percipio_retry", "--move")

    def states(self) -> dict[str, int]:
        """Statements by state."""
        return dict(
            Lms(self.database_url).rows("SELECT state, COUNT(*) FROM percipio_openedx_statement GROUP BY state")
        )


def a_child_of(pid: int, dice: random.Random) -> int | None:
    """One of the processes that a worker started, or None."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    children = [int(text) for text in found.stdout.split()]
    return dice.choice(children) if children else None
