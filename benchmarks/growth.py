"""What the statement table costs as it grows: ``python -m benchmarks.growth --largest 10000000``.

Starts a MariaDB of its own with a large buffer pool, so that no other server's settings change. For each size, from ten
thousand on in steps of ten, it fills the table and opens all that reads it: the queue's queries, the pages of the
statement resource, the operator's lists, a pruning. It prints how many index entries and rows the server read (its
``Handler_read`` counters) and the milliseconds at each size. Flat is what reads at most half as much again at the last
size as at the one before it, and a list of the operator's what ends after 10,000 rows, however many there are.
``--plans`` prints the server's plan of each query at each size instead.

Ten million statements take some 10 GB of disk and, on two cores, five minutes.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks import admin, pull
from benchmarks.growth_rows import fill
from benchmarks.plans import planned
from benchmarks.proof import servers
from benchmarks.pull import handler_reads

SMALLEST = 10_000
LEARNER = 42  # who is looked for
CLAIMED = 500
PRUNED = 2000  # statements that are old enough

# An operator's list reads two entries for each of the rows at which it ends, and three for those of a filter.
WHOLE_LIST = 3 * 10_000

# Rows read and milliseconds.
Cost = tuple[int, float]


def main() -> None:
    """Parse the command line, and print a line for each question."""
    parser = argparse.ArgumentParser(description="Cost of the statement table at growing sizes.")
    parser.add_argument("--largest", type=int, default=100_000, help="statements, a power of ten")
    parser.add_argument("--waiting", type=int, default=1000, help="how many of them have not been sent yet")
    parser.add_argument("--memory", default="6G", help="the server's buffer pool")
    parser.add_argument("--only", default="", help="questions whose name begins so")
    parser.add_argument("--plans", action="store_true", help="print the plans instead of the costs")
    options = parser.parse_args()
    sizes = [SMALLEST]
    while sizes[-1] * 10 <= options.largest:
        sizes.append(sizes[-1] * 10)
    found: list[dict[str, Cost]] = []
    with _server(options.memory):
        for size in sizes:
            began = time.monotonic()
            fill(size, options.waiting)
            print(f"{size:,} statements made in {time.monotonic() - began:.0f} s", flush=True)
            chosen = {name: ask for name, ask in questions(size).items() if name.startswith(options.only)}
            if options.plans:
                _explain(chosen)
                continue
            found.append({name: _cost(ask) for name, ask in chosen.items()})
            _print(sizes, found)


@contextmanager
def _server(memory: str) -> Iterator[None]:
    """A database server that is gone at the end, with the project's tables."""
    with tempfile.TemporaryDirectory(prefix="percipio-growth-") as name:
        tuning = [f"--innodb-buffer-pool-size={memory}", "--innodb-log-file-size=2G", "--innodb-sort-buffer-size=64M"]
        server = servers.mariadb(Path(name), "", [*tuning, f"--tmpdir={name}", "--innodb-doublewrite=0"])
        if not server.can_restart:
            raise SystemExit("mariadbd and mariadb-install-db have to be installed")
        try:
            server.start()
            os.environ["PERCIPIO_TEST_DATABASE_URL"] = f"{server.url}/growth"
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
            import django

            django.setup()
            with pull.scratch_database():
                _index_addresses()
                yield
        finally:
            server.stop()


def _index_addresses() -> None:
    """As the platform's own migrations do, on which searches by an address rely."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX email ON auth_user (email)")


# --- questions -----------------------------------------------------------------------------------------------------


def questions(size: int) -> dict[str, Callable[[], object]]:
    """By name, all that reads the table. The order matters: what is settled was claimed, and pruning comes last."""
    return {**queue(), **_watched(), **_pulled(size), **_pages(), **_pruned()}


def queue() -> dict[str, Callable[[], object]]:
    """The queries of delivery, in the order in which a run asks them."""
    from percipio_openedx.db import without_gap_locks
    from percipio_openedx.delivery.claim import Claims, next_recovery, recover
    from percipio_openedx.delivery.dispatcher import _first_due, _ready
    from percipio_openedx.models.statement import Statement

    now, lease = datetime.now(UTC), uuid4()
    claimed: list[int] = []

    def claim() -> None:
        claimed.extend(row.pk for row in Claims(1, lease, 60.0).claim(now, CLAIMED))
        if len(claimed) != CLAIMED:
            raise AssertionError(f"{len(claimed)} were claimed")

    def settle() -> None:
        with without_gap_locks():
            Statement.objects.filter(pk__in=claimed).held_by(lease).accept(now, 200)

    return {
        "queue: ready": partial(_ready, now),
        "queue: first_due": partial(_first_due, now),
        "queue: claim": claim,
        "queue: next_recovery": next_recovery,
        "queue: settle": settle,
        "queue: recover": partial(recover, now - timedelta(days=1)),
    }


def _watched() -> dict[str, Callable[[], object]]:
    from django.utils import timezone

    from percipio_openedx.operations.alerts import errors
    from percipio_openedx.operations.metrics import gauges

    return {"alerts, once a minute": lambda: errors(timezone.now()), "metrics": lambda: list(gauges())}


def _pulled(size: int) -> dict[str, Callable[[], object]]:
    places = {"newest": 0.0, "middle": 0.5, "oldest": None}
    return {
        f"pull: {name}, {place}": partial(pull.measured, parameters, size, share)
        for name, parameters in pull.questions().items()
        for place, share in places.items()
    }


def _pages() -> dict[str, Callable[[], object]]:
    from django.contrib.auth import get_user_model
    from django.test import Client

    users = get_user_model()
    root, _ = users.objects.get_or_create(
        username="root", defaults={"pk": 1_000_000_000, "is_superuser": True, "is_staff": True}
    )
    client: Any = Client()
    client.force_login(root)

    def opened(url: str) -> None:
        if (status := client.get(url).status_code) != 200:
            raise RuntimeError(f"{url} answered {status}")

    opened("/admin/")
    return {f"admin: {name}": partial(opened, url) for name, url in admin.pages(LEARNER).items()}


def _pruned() -> dict[str, Callable[[], object]]:
    from percipio_openedx.operations.retention import Prune

    before = {"": pull.BEGAN + timedelta(seconds=PRUNED)}
    return {f"prune: the oldest {PRUNED}": Prune(before, lambda: False).run}


def _explain(chosen: dict[str, Callable[[], object]]) -> None:
    """Ask each question and print how the server went about it."""
    with planned() as plans:
        for plans.question, ask in chosen.items():
            ask()
    plans.print()


def _cost(ask: Callable[[], object]) -> Cost:
    reads, began = handler_reads(), time.perf_counter()
    ask()
    milliseconds = (time.perf_counter() - began) * 1000
    return handler_reads() - reads, milliseconds


# --- table ---------------------------------------------------------------------------------------------------------


def _print(sizes: Sequence[int], found: Sequence[dict[str, Cost]]) -> None:
    """A line for each question, with all sizes so far."""
    print(
        f"| what | rows read at {', '.join(f'{size:,}' for size, _ in zip(sizes, found, strict=False))} | ms | flat |"
    )
    print("| --- | --- | --- | --- |")
    for name in found[-1]:
        costs = [each[name] for each in found]
        reads, times = ", ".join(f"{read:,}" for read, _ in costs), ", ".join(f"{ms:.0f}" for _, ms in costs)
        print(f"| {name} | {reads} | {times} | {'yes' if is_flat(name, costs) else '**no**'} |", flush=True)


def is_flat(name: str, costs: Sequence[Cost]) -> bool:
    """See the module."""
    reads = [read for read, _ in costs]
    if len(reads) < 2 or reads[-1] <= reads[-2] * 1.5 + 20:
        return True
    return name.startswith("admin: ") and reads[-1] <= WHOLE_LIST


if __name__ == "__main__":
    main()
