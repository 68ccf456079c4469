"""Some of a class lives through its courses, many learners at a time, and tries again whatever the LMS fails at.

Started by the harness as ``python -m benchmarks.proof.pupils``. The seed decides who does what; the order in which
different learners act is shuffled by it too.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.proof.settings")
django.setup()

from django.contrib.auth.models import User  # noqa: E402
from django.db import InterfaceError, OperationalError, connection, transaction  # noqa: E402
from edx_django_utils.cache import RequestCache  # noqa: E402
from kombu.exceptions import OperationalError as BrokerError  # noqa: E402
from opaque_keys.edx.keys import CourseKey  # noqa: E402
from redis.exceptions import RedisError  # noqa: E402
from social_django.models import UserSocialAuth  # noqa: E402
from xmodule.modulestore.django import modulestore  # noqa: E402

from benchmarks.proof.courses import PLANS  # noqa: E402
from demo.learning import acts, people  # noqa: E402
from demo.learning.course import Block  # noqa: E402

# Seconds for which a learner tries again: a restart of the database takes a few.
PATIENCE = 120.0
# Learners in the middle of their courses at any time.
AT_ONCE = 40
COURSES_EACH = 2
Step = Callable[[], object]
Blocks = dict[CourseKey, list[Block]]


def main() -> int:
    """Live; 0 when everybody has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--last", type=int, required=True)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two acts")
    parser.add_argument("--until", type=Path, help="until this file is there: with pauses, and a third not yet here")
    chosen = parser.parse_args()
    dice = random.Random(f"{chosen.seed}:{chosen.first}")
    blocks: Blocks = {}
    persist(lambda: blocks.update(_blocks()))
    waiting = [_life(chosen.seed, number, blocks) for number in range(chosen.first, chosen.last + 1)]
    living: list[Iterator[Step]] = []
    late = max(1, len(waiting) // 3) if chosen.until else 0
    while waiting or living:
        in_haste = chosen.until is not None and chosen.until.exists()
        while len(waiting) > (0 if in_haste else late) and len(living) < AT_ONCE:
            living.append(waiting.pop(0))
        if not living:
            time.sleep(0.1)
            continue
        life = dice.choice(living)
        step = next(life, None)
        if step is None:
            living.remove(life)
            continue
        persist(step)
        time.sleep(0.0 if in_haste else chosen.pause)
    return 0


def persist(step: Step) -> None:
    """Do it, again and again while what the LMS itself needs is away; every act can be repeated."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            step()
            return
        except (OperationalError, InterfaceError, BrokerError, RedisError):
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.3)
        finally:
            RequestCache.clear_all_namespaces()


def _blocks() -> Blocks:
    """What each course is made of, in order."""
    found: Blocks = {}
    for plan in PLANS:
        units = modulestore().get_course(plan.course_key).units()
        found[plan.course_key] = [block for unit in units for block in unit.counted_blocks()]
    return found


def _life(seed: int, number: int, blocks: Blocks) -> Iterator[Step]:
    """A learner's acts. Of sixteen, one never arrives, one leaves, one retires and one only looks around."""
    dice = random.Random(f"{seed}:{number}")
    found: list[User] = []
    yield lambda: found.append(_account(seed, number))
    user = found[-1]
    lives = [_in_course(user, key, number % 16, dice, blocks[key]) for key in _chosen(number, dice)]
    while lives:
        life = dice.choice(lives)
        step = next(life, None)
        if step is None:
            lives.remove(life)
        else:
            yield step
    if number % 16 == 7:
        yield lambda: _retire(user.pk)


def _chosen(number: int, dice: random.Random) -> list[CourseKey]:
    first = number % len(PLANS)
    second = (first + dice.randint(1, len(PLANS) - 1)) % len(PLANS)
    return [PLANS[place].course_key for place in (first, second)[:COURSES_EACH]]


def _account(seed: int, number: int) -> User:
    user = people.get_learner(seed, number)
    if user is None:
        raise SystemExit(f"learner {number} has lived before: the harness needs an empty LMS")
    second = people.CUSTOMERS[-1]
    if number % 6 == 0 and not UserSocialAuth.objects.filter(user=user, uid__startswith=f"{second}:").exists():
        # Who works for both customers is a learner of the account that is asked first, which changes in the storm.
        people.link(user, second)
    return user


def _in_course(user: User, key: CourseKey, story: int, dice: random.Random, blocks: list[Block]) -> Iterator[Step]:
    if story == 3:
        yield lambda: acts.enroll_in_vain(user, key)
        return
    # Who only looks around is not enrolled, so that what is done there is not reported.
    mode, days = dice.choice(("audit", "honor", "verified")), dice.randint(1, 60)
    if story != 11:
        yield lambda: acts.enroll(user, key, mode, days)
    if dice.random() < 0.3:
        yield lambda: acts.enroll(user, key, mode, days)
    yield from _study(user, key, dice, blocks)
    if story == 5:
        yield lambda: acts.unenroll(user, key)


def _study(user: User, key: CourseKey, dice: random.Random, blocks: list[Block]) -> Iterator[Step]:
    """Some of the units; whoever does the exam may fail first, and be graded more often than needed."""
    todo = blocks[: dice.choice((0, 1, 2, 3, 5, 5, 5, 5))]
    exam = [block for block in todo if block.weight > 0]
    fails_first, passes = dice.random() < 0.3, dice.random() < 0.8
    for block in todo:
        if block.weight > 0:
            points = 0.0 if fails_first or not passes else 1.0
            yield partial(acts.answer, user, key, block.usage_key, points)
        else:
            yield partial(acts.complete, user, block.usage_key)
    if exam:
        yield lambda: acts.grade(user, key, times=1)
    if exam and fails_first and passes:
        for block in exam:
            yield partial(acts.answer, user, key, block.usage_key, 1.0)
        yield lambda: acts.grade(user, key, times=2)


def _retire(user_id: int) -> None:
    """All of it or nothing, so that it can be tried again."""
    user = User.objects.get(pk=user_id)
    if not user.email.startswith("retired__"):
        with transaction.atomic():
            acts.retire(user)


if __name__ == "__main__":
    sys.exit(main())
