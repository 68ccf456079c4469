"""Everything that goes wrong while the class learns: one event after the other, in an order that the seed decides."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.proof import clock, school
from benchmarks.proof.courses import PLANS
from benchmarks.proof.lms import Installation, a_child_of
from benchmarks.proof.servers import Program, Server

# Faults that pass, each in force for some requests or seconds. What is refused for good is no matter of this harness: a
# person has to mend it, and the learner's later statements do not wait for that.
SCENARIOS = (
    *("reset:4", "reset-after-reading:4", "lost-answer:4", "lost-answer:9", "stall=1:2", "slow=0.2:2"),
    *("slow-headers=0.1:1", "server-500:4", "bad-gateway-html-502:4", "unavailable-503:3", "unavailable-503=2:2"),
    *("throttled-429:3", "throttled-429-seconds=2:3", "throttled-429-date=2:3", "html-200:3", "empty-200:3"),
    *("token-refused:2", "token-html:2", "token-500:2", "token-stall:1", "token-no-lifetime:5"),
    *("token-text-lifetime:5", "token-expires-mid-flight=2:9", "token-expires-403=2:9", "forbidden-once:1"),
    *("conflict-409:6", "too-large-413=5:6", "207-list-index=3-once:6", "207-list-id=3-once:6"),
    *("207-object-list=3-once:6", "207-object-map=3-once:6", "207-errors-only=3-once:6", "207-unreadable=3-once:6"),
    *("huge:1", "gzip-bomb:1", "outage:3", "flaky=0.4:20", "flaky=0.4:30"),
)
# How often the other events come, by form.
SHORT = {
    "process": 2,
    "worker": 2,
    "flush": 2,
    "broker": 1,
    "database": 1,
    "clock": 3,
    "edit": 3,
    "course": 8,
    "account": 12,
    "hour": 1,
}
FULL = {
    "process": 8,
    "worker": 6,
    "flush": 6,
    "broker": 3,
    "database": 2,
    "clock": 10,
    "edit": 8,
    "course": 30,
    "account": 24,
    "hour": 2,
}
# Seconds that the clock jumps at most, and that an hour of refusals lasts.
LONGEST_JUMP, HOUR = 900.0, 3700.0
# What an operator may get wrong at the site that has credentials of its own, and may choose at the first.
MISTAKES: tuple[dict[str, object], ...] = (
    {"client_secret": "wrong"},
    {"api_url": "http://127.0.0.1:9"},
    {"token_url": "http://127.0.0.1:9/token"},
    {"region": "nowhere"},
    {"partner_name": "demo-academy"},
    {"timeout": 999},
)
TASTES: tuple[dict[str, object], ...] = ({"batch_size": 1}, {"batch_size": 7}, {"batch_size": 50}, {"timeout": 1})
# What an operator does to an account for a while; to that of this name, or to any. A rule that is none says of nobody
# whose learner it is, and the last of all in the order is asked after those that have learners with it in common.
ACCOUNT_EDITS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", {"enabled": False}),
    ("", {"client_secret": "wrong"}),
    ("", {"client_secret": ""}),
    ("birch", {"position": 9}),
    ("", {"api_url": "http://127.0.0.1:9"}),
    ("", {"learners": "nobody"}),
)


class Storm:
    """Makes the events happen and counts them."""

    def __init__(self, lms: Installation, workers: list[Program], seed: int, is_full: bool, log: Path) -> None:
        self._lms = lms
        self._workers = workers
        self._dice = random.Random(f"storm:{seed}")
        self._log = log.open("a", encoding="utf-8")
        self._began = time.monotonic()
        self._offset = self._furthest = 0.0
        self._edits = self._titles = 0
        self._changed: tuple[int, str] | None = None
        self._account_edits: list[tuple[str, dict[str, Any]]] = []
        self.counts: Counter[str] = Counter()
        self._deck = self._shuffled(is_full)

    def _shuffled(self, is_full: bool) -> list[tuple[str, str]]:
        deck = [("percipio", text) for text in SCENARIOS]
        if not is_full:
            deck = self._dice.sample(deck, 18)
        for name, times in (FULL if is_full else SHORT).items():
            deck += [(name, "")] * times
        self._dice.shuffle(deck)
        return deck

    @property
    def is_over(self) -> bool:
        """Whether everything has happened."""
        return not self._deck

    def strike(self) -> None:
        """One more event."""
        name, argument = self._deck.pop()
        acts: dict[str, Callable[[str], str]] = {
            "percipio": self._percipio,
            "process": self._process,
            "worker": self._worker,
            "flush": self._flush,
            "broker": self._broker,
            "database": self._database,
            "clock": self._clock,
            "edit": self._edit,
            "course": self._course,
            "account": self._account,
            "hour": self._hour,
        }
        what = acts[name](argument)
        self.counts[name] += 1
        print(f"{time.monotonic() - self._began:7.1f} {name} {what}", file=self._log, flush=True)

    def calm(self, hours: int = 2) -> None:
        """Nothing goes wrong any more: healthy Percipio, right settings, fresh workers, and so many hours later."""
        self._lms.set_scenario("ok")
        self._save(school.WORKSHOP, school.workshop())
        self._save(1, {})
        for site_id, name in school.accounts():
            self._save_account(site_id, name)
        self._move(self._furthest + hours * HOUR)
        for worker in self._workers:
            worker.kill()
        # The cache has the machine's clock, which does not jump: what killed workers left in it would end by itself in
        # some minutes.
        self._clear_cache()
        for worker in self._workers:
            worker.start()
        print(f"{time.monotonic() - self._began:7.1f} calm", file=self._log, flush=True)

    # --- events ----------------------------------------------------------------------------------------------------

    def _percipio(self, scenario: str) -> str:
        """A fault of Percipio; time goes on a little, so that it is met although the last one made everybody wait."""
        self._lms.set_scenario(scenario)
        self._move(self._offset + self._dice.uniform(0, 120))
        return scenario

    def _process(self, _: str) -> str:
        """The kernel kills a process of a worker."""
        worker = self._dice.choice(self._workers)
        child = None if worker.process is None else a_child_of(worker.process.pid, self._dice)
        if child is None:
            return "none there"
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            return "gone by itself"
        return str(child)

    def _worker(self, _: str) -> str:
        """A whole worker is killed, and started again as an orchestrator would."""
        place = self._dice.randrange(len(self._workers))
        self._workers[place].kill()
        self._workers[place].start()
        return str(place)

    def _flush(self, _: str) -> str:
        """All messages are lost; with Redis as broker and cache, everything that is cached too."""
        broker = self._lms.broker.url
        if broker.startswith("redis"):
            import redis

            with redis.Redis.from_url(broker) as server:
                server.flushdb()
            return "redis"
        from kombu import Connection

        with Connection(broker, connect_timeout=5) as connection:
            channel: Any = connection.default_channel
            try:
                lost = channel.queue_purge(self._lms.queue)
            except connection.channel_errors:
                return "no queue yet"
        return f"{lost} messages"

    def _broker(self, _: str) -> str:
        """The broker is killed, is away for a while and comes back."""
        return self._restart(self._lms.broker, self._dice.uniform(1, 4))

    def _database(self, _: str) -> str:
        """The database is killed, and recovers."""
        return self._restart(self._lms.database, self._dice.uniform(0, 1))

    @staticmethod
    def _restart(server: Server, away: float) -> str:
        if not server.can_restart:
            return f"{server.name} is not ours: left out"
        server.stop()
        time.sleep(away)
        server.start()
        return server.name

    def _clock(self, _: str) -> str:
        """The workers' clock jumps; it may jump back, but never behind that of the learners."""
        self._move(max(0.0, self._offset + self._dice.uniform(-LONGEST_JUMP, LONGEST_JUMP)))
        return f"{self._offset:.0f}"

    def _hour(self, _: str) -> str:
        """Percipio refuses the credentials for an hour of the workers' clock."""
        self._lms.set_scenario("forbidden")
        time.sleep(1.0)
        self._move(self._offset + HOUR)
        time.sleep(1.0)
        self._lms.set_scenario("ok")
        return f"{self._offset:.0f}"

    def _edit(self, _: str) -> str:
        """An operator changes settings: wrongly at one site and back, to the taste of the day at the other."""
        self._edits += 1
        if self._edits % 2:
            mistake = self._dice.choice(MISTAKES)
            self._save(school.WORKSHOP, {**school.workshop(), **mistake})
            self._save(1, self._dice.choice(TASTES))
            return f"mistake {sorted(mistake)}"
        self._save(school.WORKSHOP, school.workshop())
        return "fixed"

    def _account(self, _: str) -> str:
        """An operator changes one of the accounts, and mends at the next time what was changed at this one."""
        if self._changed is not None:
            self._save_account(*self._changed)
            self._changed = None
            return "mended"
        if not self._account_edits:
            self._account_edits = self._dice.sample(ACCOUNT_EDITS, len(ACCOUNT_EDITS))
        name, edit = self._account_edits.pop()
        self._changed = self._dice.choice([key for key in school.accounts() if name in ("", key[1])])
        self._save_account(*self._changed, **edit)
        return f"{self._changed} {edit}"

    def _course(self, _: str) -> str:
        """An operator gives a course another title, and Percipio refuses or loses items for a while."""
        from django.apps import apps

        plan, self._titles = self._dice.choice(PLANS), self._titles + 1
        rows = apps.get_model("percipio_openedx", "CourseOverride").objects
        _persist(lambda: rows.update_or_create(course_key=plan.key, defaults={"title": f"Title {self._titles}"}))
        scenario = self._dice.choice(("ok", "content-500:2", "content-403:2", "content-429=2:2", "lost-answer:2"))
        self._lms.set_scenario(scenario)
        self._move(self._offset + self._dice.uniform(60, 120))
        return f"{plan.key} {scenario}"

    @staticmethod
    def _clear_cache() -> None:
        from django.core.cache import cache

        cache.clear()

    # --- means -----------------------------------------------------------------------------------------------------

    def _move(self, offset: float) -> None:
        self._offset = offset
        self._furthest = max(self._furthest, offset)
        clock.move(self._lms.clock, offset)

    @staticmethod
    def _save(site_id: int, values: Mapping[str, object]) -> None:
        from django.apps import apps

        configuration = apps.get_model("percipio_openedx", "PercipioConfiguration")
        _persist(lambda: configuration.objects.create(site_id=site_id, enabled=True, **values))

    @staticmethod
    def _save_account(site_id: int, name: str, **changes: Any) -> None:
        _persist(lambda: school.save_account(site_id, name, **changes))


def _persist(save: Callable[[], object]) -> None:
    """The operator tries again while the database is away."""
    from django.db import connection

    for _ in range(30):
        try:
            save()
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator tries again
            print(f"the operator tries again: {type(error).__name__}", file=sys.stderr)
            connection.close()
            time.sleep(0.5)
    raise TimeoutError("the settings cannot be saved")
