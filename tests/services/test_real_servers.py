"""The demo on servers that a real LMS has: MariaDB, a Redis cache, and Redis or RabbitMQ as its worker's broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import pytest

from demo.ports import free_ports
from tests.judges import faults
from tests.plugins.services import service_url

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]
BROKERS = {"redis": "PERCIPIO_TEST_REDIS_URL", "rabbitmq": "PERCIPIO_TEST_AMQP_URL"}


@pytest.fixture
def database() -> Iterator[str]:
    """The address of an empty MariaDB database, dropped afterwards."""
    import MySQLdb

    parts = urlsplit(service_url("PERCIPIO_TEST_DATABASE_URL"))
    name = f"percipio_{uuid4().hex[:12]}"
    connection = MySQLdb.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    connection.cursor().execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
    yield parts._replace(path=f"/{name}").geturl()
    connection.cursor().execute(f"DROP DATABASE {name}")
    connection.close()


@pytest.fixture
def empty_cache() -> str:
    """The address of an empty Redis database."""
    import redis

    address = service_url("PERCIPIO_TEST_REDIS_URL")
    with redis.Redis.from_url(address) as server:
        server.flushdb()
    return address


@pytest.mark.parametrize("broker", BROKERS)
def test_a_class_arrives_whole_and_once(broker: str, database: str, empty_cache: str, tmp_path: Path) -> None:
    received = tmp_path / "received.jsonl"
    environment = {
        **os.environ,
        "CELERY_BROKER_URL": service_url(BROKERS[broker]),
        "DEMO_CACHE_URL": empty_cache,
        "DEMO_DATABASE_URL": database,
        "DEMO_VAR": str(tmp_path / "var"),
    }
    _demo(environment, received)
    first = _statements(received)
    assert {_verb(statement) for statement in first} == {"initialized", "progressed", "passed", "completed"}
    assert [fault for statement in first for fault in faults(statement)] == []
    assert len({statement["id"] for statement in first}) == len(first)

    _demo(environment, received)
    assert _statements(received) == first


def _demo(environment: dict[str, str], received: Path) -> None:
    size = ["--learners", "6", "--courses", "3", "--port", str(free_ports(2)), "--record", str(received)]
    command = [sys.executable, str(ROOT / "demo" / "run.py"), *size]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def _statements(received: Path) -> list[dict[str, Any]]:
    """What was accepted, in that order. Lines end with a line feed alone: texts may hold other separators."""
    return [json.loads(line) for line in received.read_text(encoding="utf-8").split("\n") if line]


def _verb(statement: dict[str, Any]) -> str:
    verb: str = statement["verb"]["id"]
    return verb.rsplit("/", 1)[1]
