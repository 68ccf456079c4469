"""The LMS of the harness: its processes, what they are told, and how far they are."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.proof import clock
from benchmarks.proof.servers import Program, Server, free_port
from benchmarks.proof.truth import ACCOUNTS, Lms, connect

ROOT = Path(__file__).resolve().parents[2]
QUEUE = "default"


@dataclass
class Installation:
    """An empty LMS on given servers, with everything that it writes in one folder."""

    folder: Path
    database: Server
    cache: Server
    broker: Server
    name: str = field(default_factory=lambda: f"percipio_chaos_{uuid4().hex[:10]}")
    sandbox_port: int = field(default_factory=free_port)

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
        """What every process is told."""
        sandbox = f"http://127.0.0.1:{self.sandbox_port}"
        return {
            "DJANGO_SETTINGS_MODULE": "benchmarks.proof.settings",
            "PYTHONPATH": str(ROOT),
            "DEMO_VAR": str(self.folder / "var"),
            "DEMO_DATABASE_URL": self.database_url,
            "DEMO_CACHE_URL": self.cache.url,
            "CELERY_BROKER_URL": self.broker.url,
            "CHAOS_QUEUES": self.name,
            "CHAOS_CLOCK": str(self.clock),
            "PERCIPIO_API_URL": sandbox,
            "PERCIPIO_TOKEN_URL": f"{sandbox}/oauth2-provider/token",
        }

    def make(self) -> None:
        """The database, the tables, the courses."""
        clock.move(self.clock, 0)
        self._at_server(f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4")
        os.environ.update(self.environment())
        import django

        django.setup()
        from django.core.management import call_command

        from benchmarks.proof.courses import PLANS
        from demo.learning.publishing import publish

        call_command("setup_demo")
        for plan in PLANS:
            publish(plan)

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
        log = self.folder / f"{name}.log"
        return Program([sys.executable, *arguments], log, {**self.environment(), "PYTHONUNBUFFERED": "1"}, ROOT)

    def sandbox(self, seed: int) -> Program:
        """Percipio, which knows the sites' accounts and nobody else."""
        clients = [f"--client={one.partner}-client:{one.partner}-secret:{one.partner}" for one in ACCOUNTS.values()]
        options = ["--port", str(self.sandbox_port), "--seed", str(seed), "--quiet", *clients]
        return self.program("sandbox", ["-m", "percipio_openedx.sandbox", *options])

    def worker(self, number: int) -> Program:
        """A worker of two processes."""
        queues = ",".join(f"{self.name}.{end}" for end in ("default", "high", "high_mem"))
        options = ["--concurrency", "2", "--loglevel", "INFO", "--queues", queues, "-n", f"{self.name}-{number}@%h"]
        quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return self.program(
            f"worker{number}", ["-m", "celery", "-A", "benchmarks.proof.worker", "worker", *options, *quiet]
        )

    def pupils(self, seed: int, first: int, last: int, pause: float) -> Program:
        """Some of the class."""
        options = ["--seed", str(seed), "--first", str(first), "--last", str(last), "--pause", str(pause)]
        return self.program(f"pupils{first}", ["-m", "benchmarks.proof.pupils", *options])

    def open_rows(self) -> tuple[int, int]:
        """Notices that wait, and statements that are on their way."""
        lms = Lms(self.database_url)
        notices = lms.rows("SELECT COUNT(*) FROM percipio_openedx_notice")[0][0]
        statements = lms.rows("SELECT COUNT(*) FROM percipio_openedx_statement WHERE state IN ('waiting', 'sending')")[
            0
        ][0]
        return notices, statements

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
