"""Values of every length, script and form, in every column of the platform's that is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from random import Random
from typing import Any

from common.djangoapps.student.models import CourseEnrollment, UserProfile
from completion.models import BlockCompletion
from django.contrib.auth import get_user_model
from django.db import DatabaseError, transaction
from lms.djangoapps.grades.models import PersistentCourseGrade
from openedx.core.djangoapps.content.course_overviews.models import CourseOverview
from social_django.models import UserSocialAuth

from demo.learning.models import StoredCourse
from tests.poison.errors import TEXTS
from tests.poison.world import Pair

NUMBERS = (0.0, -1.0, 0.1 + 0.2, 1.0000001, 2.0, 1e308, -1e308, float("inf"), float("nan"))
DATES = tuple(
    datetime(*parts, tzinfo=UTC)
    for parts in (
        (1, 1, 1),
        (1000, 1, 1),
        (1969, 12, 31, 23, 59, 59),
        (1970, 1, 1),
        (2038, 1, 19, 3, 14, 8),
        (2400, 2, 29),
        (9999, 12, 31, 23, 59, 59, 999999),
    )
)


def _text(rng: Random) -> str:
    return rng.choice(list(TEXTS.values()))


def _one_of(*values: Any) -> Callable[[Random], Any]:
    return lambda rng: rng.choice(values)


def _sso(rng: Random) -> Any:
    text = _text(rng)
    deep: Any = reduce(lambda inner, _: [inner], range(rng.choice((3, 400))), text)
    forms: tuple[Any, ...] = (
        *({"org": one} for one in (text, [text], [text, "acme"], {"acme": text}, deep, None, True, 7, 1e308, 10**30)),
        *(json.dumps({"org": text}), json.dumps(json.dumps({"org": "acme"})), text, [text], {}, None, 7),
    )
    return rng.choice(forms)


def _instructors(rng: Random) -> Any:
    text = _text(rng)
    return rng.choice(([{"name": text}], [{"name": None}], [text], text, {"name": text}, [{"name": [text]}], None, 7))


@dataclass(frozen=True)
class Column:
    """A column, whose rows it is about, and what may stand in it."""

    model: Any
    name: str
    rows: str
    draw: Callable[[Random], Any]

    def __str__(self) -> str:
        return f"{self.model.__name__}.{self.name}"

    def is_about(self, one: Pair, other: Pair) -> bool:
        """Whether the value is read for the first of them where it stands in the rows of the second."""
        same_learner, same_course = one.user_id == other.user_id, one.course_key == other.course_key
        return {"learner": same_learner, "course": same_course, "both": same_learner and same_course}[self.rows]

    @contextmanager
    def holding(self, pair: Pair, value: Any) -> Iterator[None]:
        """The value stands there for a while; where the database does not take it nothing can be there."""
        rows = self.model.objects.filter(**_condition(self.model, pair))
        before = list(rows)
        with suppress(ValueError, TypeError, OverflowError, RecursionError, DatabaseError), transaction.atomic():
            rows.update(**{self.name: value})
        yield
        for row in before:
            was = {self.name: getattr(row, self.name)}
            if self.model is BlockCompletion:
                # A completion that changes has another time of its last change, as the platform's own saving sees to.
                was = {"modified": row.modified + timedelta(microseconds=1), **was}
            self.model.objects.filter(pk=row.pk).update(**was)


def _condition(model: Any, pair: Pair) -> dict[str, Any]:
    conditions: dict[Any, dict[str, Any]] = {
        get_user_model(): {"pk": pair.user_id},
        UserProfile: {"user_id": pair.user_id},
        UserSocialAuth: {"user_id": pair.user_id},
        CourseOverview: {"pk": pair.course_key},
        StoredCourse: {"course_key": pair.course_key},
        CourseEnrollment: {"user_id": pair.user_id, "course_id": pair.course_key},
        PersistentCourseGrade: {"user_id": pair.user_id, "course_id": pair.course_key},
        BlockCompletion: {"user_id": pair.user_id, "context_key": pair.course_key},
    }
    return conditions[model]


_date, _number = _one_of(*DATES), _one_of(*NUMBERS)
COLUMNS = (
    Column(get_user_model(), "username", "learner", _text),
    Column(get_user_model(), "email", "learner", _text),
    Column(UserProfile, "name", "learner", _text),
    Column(UserSocialAuth, "uid", "learner", _text),
    Column(UserSocialAuth, "provider", "learner", _text),
    Column(UserSocialAuth, "extra_data", "learner", _sso),
    Column(CourseOverview, "display_name", "course", _text),
    Column(CourseOverview, "short_description", "course", _text),
    Column(CourseOverview, "language", "course", _text),
    Column(CourseOverview, "org", "course", _text),
    Column(StoredCourse, "instructors", "course", _instructors),
    Column(CourseEnrollment, "mode", "both", _text),
    Column(CourseEnrollment, "created", "both", _date),
    Column(PersistentCourseGrade, "percent_grade", "both", _number),
    Column(PersistentCourseGrade, "letter_grade", "both", _text),
    Column(PersistentCourseGrade, "passed_timestamp", "both", _date),
    Column(PersistentCourseGrade, "modified", "both", _date),
    Column(BlockCompletion, "completion", "both", _number),
    Column(BlockCompletion, "created", "both", _date),
    Column(BlockCompletion, "modified", "both", _date),
)
