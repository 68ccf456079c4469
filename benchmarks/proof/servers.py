"""MariaDB, Redis and RabbitMQ of the harness's own, in a temporary folder: they can be killed at nobody's cost.

Where a server's program is not installed, the address of a running one is used instead: with a database, a Redis number
and queues of the harness's own, and without restarts.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from demo.ports import free_ports

# Seconds that a server may take to start; RabbitMQ needs the longest on a busy machine.
PATIENCE = 120.0
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
# Where servers are looked for that are not the harness's own.
BORROWED = {
    "database": ("PERCIPIO_TEST_DATABASE_URL", "mysql://root@127.0.0.1:3306/"),
    "redis": ("PERCIPIO_TEST_REDIS_URL", "redis://127.0.0.1:6379/15"),
    "rabbitmq": ("PERCIPIO_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}


def borrowed(kind: str) -> str:
    """The address of a server that somebody else runs."""
    variable, usual = BORROWED[kind]
    return os.environ.get(variable) or usual


def wait_for_port(port: int, host: str = "127.0.0.1") -> None:
    """Return when somebody listens.

    Raises:
        TimeoutError: nobody did in time.
    """
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection((host, port), timeout=1):
                return
        except OSError:
            if time.monotonic() > until:
                raise TimeoutError(f"nothing listens at {host}:{port}") from None
            time.sleep(0.1)


@dataclass
class Program:
    """A process with its own log, the head of a process group, so that all of it can be killed."""

    command: Sequence[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it (again)."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def end(self) -> None:
        """Ask it to end, as an orchestrator does, and wait until it has."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it with everything that it started, and wait for the end."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=30)
        self.process = None


@contextmanager
def running(programs: Sequence[Program]) -> Iterator[Sequence[Program]]:
    """Start them, and leave none of them behind."""
    try:
        for program in programs:
            program.start()
        yield programs
    finally:
        for program in programs:
            program.kill()


@dataclass
class Server:
    """A server at an address. ``program`` is None for one that is borrowed and must not be stopped."""

    name: str
    url: str
    program: Program | None = None
    port: int = 0

    def start(self) -> None:
        """Start it and wait until it listens."""
        if self.program is not None:
            self.program.start()
            wait_for_port(self.port)

    def stop(self) -> None:
        """End it, as a power cut would."""
        if self.program is not None:
            self.program.kill()

    @property
    def can_restart(self) -> bool:
        """Whether it is ours to kill."""
        return self.program is not None


def mariadb(folder: Path, borrowed_url: str, options: Sequence[str] = ("--innodb-buffer-pool-size=128M",)) -> Server:
    """A database server; the URL has no database name yet. ``options`` are for one of its own."""
    install, program = shutil.which("mariadb-install-db"), shutil.which("mariadbd")
    if install is None or program is None:
        parts = urlsplit(borrowed_url)
        return Server("MariaDB", parts._replace(path="").geturl())
    port, data = free_ports(), folder / "mariadb"
    common = ["--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}"]
    subprocess.run(
        [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"],
        check=True,
        capture_output=True,
    )
    command = [program, *common, f"--port={port}", f"--socket={folder / 'mariadb.sock'}", "--bind-address=127.0.0.1"]
    tuning = ["--innodb-flush-log-at-trx-commit=2", "--skip-log-bin", *options]
    return Server(
        "MariaDB", f"mysql://root@127.0.0.1:{port}", Program([*command, *tuning], folder / "mariadb.log"), port
    )


def redis(folder: Path, borrowed_url: str) -> Server:
    """A Redis server that keeps nothing: killed, it has lost everything."""
    program = shutil.which("redis-server")
    if program is None:
        return Server("Redis", borrowed_url)
    port = free_ports()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return Server(
        "Redis", f"redis://127.0.0.1:{port}/0", Program([*command, "--dir", str(folder)], folder / "redis.log"), port
    )


def rabbitmq(folder: Path, borrowed_url: str) -> Server:
    """A RabbitMQ node beside any other of this machine."""
    if not RABBITMQ.exists():
        return Server("RabbitMQ", borrowed_url)
    port, home = free_ports(), folder / "rabbitmq"
    home.mkdir()
    (home / "plugins").write_text("[].\n")
    (home / "env").touch()
    environment = {
        "HOME": str(home),
        "RABBITMQ_NODENAME": f"chaos{port}@localhost",
        "RABBITMQ_NODE_PORT": str(port),
        "RABBITMQ_DIST_PORT": str(free_ports()),
        "RABBITMQ_MNESIA_BASE": str(home / "mnesia"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "none"),
        "RABBITMQ_CONF_ENV_FILE": str(home / "env"),
    }
    program = Program([str(RABBITMQ)], folder / "rabbitmq.log", environment, home)
    return Server("RabbitMQ", f"amqp://guest:guest@127.0.0.1:{port}//", program, port)
