"""The servers of a run: a database, a Redis and a receiver of its own, all gone at the end."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.proof import servers
from benchmarks.speed import certificates
from benchmarks.speed.case import MARIADB, SQLITE
from demo.ports import free_ports

ROOT = Path(__file__).parents[2]
# Of the database, as one that serves an LMS has them: every commit on the disk, and room for what is worked on. With
# MariaDB's defaults (128 MB, and 96 MB of log) the rows of many processes do not fit, and the disk is what is measured.
TUNING = ("--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=1G")


@dataclass(frozen=True)
class Places:
    """Where everything is, as environments of the measuring processes."""

    folder: Path
    mariadb_url: str
    redis_url: str
    receiver_url: str
    bundle: Path

    def environment(self, database: str) -> dict[str, str]:
        """Of a measuring process on one of the databases."""
        own = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "benchmarks.speed.settings",
            "DEMO_VAR": str(self.folder / database),
            "DEMO_DATABASE_URL": self.mariadb_url if database == MARIADB else "",
            "DEMO_CACHE_URL": self.redis_url,
            "CELERY_BROKER_URL": self.redis_url,
            "BENCH_RECEIVER": self.receiver_url,
            "REQUESTS_CA_BUNDLE": str(self.bundle),
            "SSL_CERT_FILE": str(self.bundle),
            "PERCIPIO_API_URL": self.receiver_url,
            "PERCIPIO_TOKEN_URL": f"{self.receiver_url}/token",
            "PYTHONWARNINGS": "ignore",
        }
        # pip compiles what it installs; from a checkout the first process does it, unless it is forbidden to.
        own.pop("PYTHONDONTWRITEBYTECODE", None)
        return own


@contextmanager
def made(mariadb_url: str, databases: tuple[str, ...]) -> Iterator[Places]:
    """Start and fill everything, and clear it away. The database server is one of our own unless its URL is given."""
    with tempfile.TemporaryDirectory(prefix="percipio-bench-") as name:
        folder = Path(name)
        redis = servers.redis(folder, "redis://127.0.0.1:6379/9")
        mariadb = _server(folder, mariadb_url)
        certificate, key, bundle = certificates.make(folder)
        port = free_ports()
        command = [sys.executable, "-m", "benchmarks.speed.receiver", "--port", str(port)]
        receiver = servers.Program(
            [*command, "--certificate", str(certificate), "--key", str(key)], folder / "receiver.log", folder=ROOT
        )
        database = f"{mariadb.url.rstrip('/')}/percipio_bench_{os.getpid()}"
        places = Places(folder, database, redis.url, f"https://127.0.0.1:{port}", bundle)
        try:
            redis.start()
            if MARIADB in databases:
                mariadb.start()
            receiver.start()
            servers.wait_for_port(port)
            for kind in databases:
                _fill(places, kind)
            yield places
        finally:
            receiver.kill()
            redis.stop()
            if MARIADB in databases and not mariadb.can_restart:
                _statement(database, f"DROP DATABASE IF EXISTS {urlsplit(database).path.lstrip('/')}")
            mariadb.stop()


def _server(folder: Path, url: str) -> servers.Server:
    if url:
        return servers.Server("MariaDB", url)
    own = servers.mariadb(folder, "", (*TUNING, f"--tmpdir={folder}"))
    if not own.can_restart:
        raise SystemExit("mariadbd and mariadb-install-db have to be installed, or --database be given")
    return own


def _fill(places: Places, kind: str) -> None:
    (places.folder / kind).mkdir(exist_ok=True)
    if kind != SQLITE:
        name = urlsplit(places.mariadb_url).path.lstrip("/")
        _statement(places.mariadb_url, f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.world"],
        check=True,
        cwd=ROOT,
        env=places.environment(kind),
    )


def _statement(url: str, sql: str) -> None:
    import MySQLdb  # type: ignore[import-untyped]

    parts = urlsplit(url)
    connection = MySQLdb.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    connection.cursor().execute(sql)
    connection.close()


def receiver_counts() -> dict[str, float]:
    """What the receiver has had since it was reset."""
    return _asked("/count")


def reset_receiver(milliseconds: int) -> None:
    """Forget what was counted, and answer after that round trip from now on."""
    _asked(f"/reset/{milliseconds}")


@cache
def trusted() -> ssl.SSLContext:
    """Made once: reading the bundle costs more than what is measured meanwhile."""
    return ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])


def _asked(path: str) -> dict[str, float]:
    with urllib.request.urlopen(os.environ["BENCH_RECEIVER"] + path, context=trusted()) as response:
        counts: dict[str, float] = json.load(response)
        return counts
