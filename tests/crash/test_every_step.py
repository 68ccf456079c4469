"""A pass is ended at each of its steps, one after the other; the passes after it finish the work.

Exhaustive, as SQLite's own crash tests are: the pass is run once to count its steps, then once for each of them and
for each way in which a process or a connection can end there. ``PERCIPIO_TEST_STEPS_APART=5`` tries every fifth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from django.apps import apps
from django.db import IntegrityError, connection
from django.db.models import ProtectedError
from django.utils import timezone

from percipio_openedx.enums import Pause
from percipio_openedx.models import Alert, CourseOverride, Destination, LearnerCourse, Notice, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import alerts
from percipio_openedx.operations.run import run_once
from percipio_openedx.reporting import report_due
from tests.crash.steps import DONE, ENDED, End, in_a_child
from tests.integration.builders import a_course, a_learner, block, enrolled
from tests.integration.test_reporting import grade

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

APP = "percipio_openedx"
# Longer than any lease: what the ended process held is free again.
LATER = timedelta(hours=2)
PASSES = 12
STEPS_APART = int(os.environ.get("PERCIPIO_TEST_STEPS_APART", "1"))


class Percipio:
    """The sandbox as a process of its own: the children of this one must not inherit its threads."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "percipio_sandbox", "--port", "0", "--quiet"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        words = self._process.stdout.readline().split()
        self.url = words[3].rstrip("/")

    def post(self, path: str, body: bytes = b"{}") -> None:
        request = Request(f"{self.url}/_sandbox/{path}", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            answer.read()

    def statements(self) -> list[dict[str, Any]]:
        with urlopen(f"{self.url}/_sandbox/statements", timeout=30) as answer:
            return [json.loads(line)["body"] for line in answer.read().splitlines()]

    def end(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


@dataclass(frozen=True)
class World:
    """A class that has worked, and what a worker finds of it."""

    percipio: Percipio
    notices: tuple[tuple[int, str, str], ...]
    mails: Path

    def renew(self) -> None:
        """Nothing has been looked at, nothing sent."""
        _empty()
        self.percipio.post("reset")
        for mail in self.mails.glob("*"):
            mail.unlink()
        now = timezone.now() - timedelta(minutes=1)
        Notice.objects.bulk_create(
            Notice(user_id=user_id, course_key=key, reason=reason, noticed_at=now)
            for user_id, key, reason in self.notices
        )
        Destination.objects.create(site_id=1, organization="elsewhere", paused_reason=Pause.CONFIGURATION)

    def renew_outdated(self) -> None:
        """All is looked at, nothing sent, and the courses are called otherwise since: all is to be rebuilt."""
        self.renew()
        assert in_a_child(report_due).code == DONE
        for key in {key for _, key, _ in self.notices}:
            CourseOverride.objects.create(course_key=key, content_id=f"mended:{key}")
        assert set(Statement.objects.values_list("state", flat=True)) == {State.OUTDATED}


def _empty() -> None:
    left = list(apps.get_app_config(APP).get_models())
    while left:
        model = left.pop(0)
        try:
            model.objects.all().delete()
        except (ProtectedError, IntegrityError):
            left.append(model)


@pytest.fixture
def world(reporting: Any, settings: Any, tmp_path: Path) -> Iterator[World]:
    percipio = Percipio()
    reporting.PERCIPIO_API_URL = percipio.url
    reporting.PERCIPIO_TOKEN_URL = f"{percipio.url}/oauth2-provider/token"
    reporting.PERCIPIO_ALERT_EMAILS = ["ops@example.com"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    alerts.forget()
    _learn()
    notices = tuple(Notice.objects.order_by("pk").values_list("user_id", "course_key", "reason"))
    run_once()  # what is imported with its first use is imported here, once for all children
    yield World(percipio, notices, tmp_path)
    percipio.end()


def _learn() -> None:
    """Three learners in two courses: enrolled, half through, passed."""
    from completion.models import BlockCompletion

    courses = [a_course(f"course-v1:DemoX+CS10{number}+2026", units=2) for number in (1, 2)]
    for number, name in enumerate(("amina", "bo", "chen")):
        learner = a_learner(name)
        for course in courses[:number] or courses[:1]:
            enrolled(learner, course)
            if number:
                BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
            if number == 2:
                grade(learner, course, 0.9)


def a_pass() -> None:
    alerts.forget()
    run_once()


def the_passes_after_it() -> None:
    for _ in range(PASSES):
        alerts.forget()
        if run_once() is None:
            return


def reported(world: World) -> dict[str, list[str]]:
    """By registration, the verbs in the order of their arrival."""
    found: dict[str, list[str]] = {}
    for statement in world.percipio.statements():
        verb = statement["verb"]["id"].rsplit("/", 1)[1]
        found.setdefault(statement["context"]["registration"], []).append(verb)
    return found


def left() -> dict[str, int]:
    """What is still held, or waits."""
    return {
        "statements": Statement.objects.exclude(state=State.DELIVERED).count(),
        "leased statements": Statement.objects.exclude(lease=None).count(),
        "leased learners": LearnerCourse.objects.exclude(lease=None).count(),
        "notices": Notice.objects.count(),
        "untold alerts": Alert.objects.filter(is_announced=False).count(),
    }


EXPECTED = [
    ["initialized"],
    ["initialized", "passed", "completed"],
    ["initialized", "passed", "completed"],
    ["initialized", "progressed"],
]
NOTHING_LEFT = {"statements": 0, "leased statements": 0, "leased learners": 0, "notices": 0, "untold alerts": 0}


@pytest.mark.exhaustive
@pytest.mark.parametrize("end", End)
def test_a_pass_that_ends_at_any_step_is_finished_by_the_next(world: World, end: End) -> None:
    assert unfinished(world, end, every=STEPS_APART) == {}


@pytest.mark.slow
@pytest.mark.parametrize("end", [End.BEFORE, End.LOST])
def test_a_pass_that_ends_at_some_step_is_finished_by_the_next(world: World, end: End) -> None:
    assert unfinished(world, end, every=17) == {}


@pytest.mark.exhaustive
@pytest.mark.parametrize("end", [End.BEFORE, End.LOST])
def test_a_pass_that_builds_anew_and_ends_at_any_step(world: World, end: End) -> None:
    assert unfinished(world, end, every=STEPS_APART, renew=world.renew_outdated) == {}
    assert {one["object"]["id"].partition(":")[0] for one in world.percipio.statements()} == {"mended"}


@pytest.mark.slow
@pytest.mark.parametrize("end", [End.BEFORE, End.LOST])
def test_a_pass_that_builds_anew_and_ends_at_some_step(world: World, end: End) -> None:
    assert unfinished(world, end, every=17, renew=world.renew_outdated) == {}
    assert {one["object"]["id"].partition(":")[0] for one in world.percipio.statements()} == {"mended"}


def unfinished(world: World, end: End, every: int, renew: Callable[[], None] | None = None) -> dict[int, Any]:
    """Run a pass once to count its steps, then once for each step at which it ends; what is then not as it should be.

    Arguments:
        every: the distance between two steps that are tried.
        renew: makes the beginning; by default nothing has been looked at.
    """
    renew = renew or world.renew
    renew()
    whole = in_a_child(a_pass)
    should = reported(world)
    assert (whole.code, sorted(should.values()), left()) == (DONE, EXPECTED, NOTHING_LEFT), whole.said

    right = {"passes": DONE, "told": should, "mails": True, **NOTHING_LEFT}
    wrong = {}
    for step in range(1, whole.steps + 1, every):
        renew()
        broken = in_a_child(a_pass, at=step, end=end)
        after = in_a_child(the_passes_after_it, ahead=LATER)
        mails = len(list(world.mails.glob("*"))) > 0
        found = {"passes": after.code, "told": reported(world), "mails": mails, **left()}
        if found != right:
            wrong[step] = [broken.said, after.said, {name: found[name] for name in right if found[name] != right[name]}]
    return wrong


def test_the_steps_are_seen(world: World) -> None:
    """The harness itself: a pass writes, commits and posts, and a process that ends in the middle leaves it undone."""
    world.renew()
    whole = in_a_child(a_pass)
    assert whole.steps > 20
    world.renew()
    assert in_a_child(a_pass, at=whole.steps // 3).code == ENDED
    assert left() != NOTHING_LEFT
    assert connection.is_usable()
