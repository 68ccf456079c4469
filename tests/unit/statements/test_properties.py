"""Whatever a course is called and whatever a learner did: a valid statement, small enough, always the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from percipio_openedx.data import Course, Instructor, LearnerIdentity, Milestone
from percipio_openedx.enums import Kind
from percipio_openedx.statements.build import build
from percipio_openedx.statements.checker import check
from percipio_openedx.statements.content import StatementContext
from tests.judges import LIMIT, assert_valid_statement
from tests.unit.statements.cases import JOHN, LMS, NOW, REGISTRATION

TEXT = st.text(alphabet=st.characters(codec=None), max_size=60)
LONG_TEXT = TEXT | st.builds(lambda text, times: text * times, TEXT, st.integers(1, 400))
MARKUP = st.lists(
    st.sampled_from(["<p>", "</p>", "<script>", "&amp;", "&#0;", "&#xD800;", "<", ">", "é", "👩‍👩‍👧 "])
).map("".join)
LANGUAGES = st.sampled_from(["", "en", "ar", "zh_CN", "zh-cn", "es-419", "ca@valencia", "tlh"]) | TEXT
MOMENTS = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2100, 1, 1), timezones=st.timezones())
SECONDS = st.none() | st.integers()
FRACTIONS = st.floats(allow_nan=False, allow_infinity=False)

courses = st.builds(
    Course,
    key=st.sampled_from(["course-v1:DemoX+CS+1", "course-v1:Ünï+cödé+ラン", "DemoX/CS/1"]),
    org=st.just("DemoX"),
    name=LONG_TEXT,
    description=LONG_TEXT | MARKUP,
    language=LANGUAGES,
    instructors=st.lists(st.builds(Instructor, name=TEXT, email=st.just("") | st.emails() | TEXT), max_size=5).map(
        tuple
    ),
    is_graded=st.booleans(),
)
identities = st.sampled_from(
    [JOHN, LearnerIdentity(home_page=LMS, account="amina"), LearnerIdentity(home_page=LMS, account="محمد")]
).flatmap(lambda identity: TEXT.map(lambda name: replace(identity, name=name)))
milestones = st.one_of(
    st.builds(Milestone, kind=st.just(Kind.STARTED), at=MOMENTS),
    st.builds(Milestone, kind=st.just(Kind.PROGRESSED), at=MOMENTS, percent=st.integers(0, 100), seconds=SECONDS),
    st.builds(Milestone, kind=st.just(Kind.PASSED), at=MOMENTS, score=FRACTIONS, round=st.integers(0, 3)),
    st.builds(
        Milestone,
        kind=st.just(Kind.COMPLETED),
        at=MOMENTS,
        score=st.none() | FRACTIONS,
        success=st.none() | st.booleans(),
        seconds=SECONDS,
    ),
    st.builds(
        Milestone, kind=st.just(Kind.RETRACTED), at=MOMENTS, retracts=st.sampled_from([Kind.PASSED, Kind.COMPLETED])
    ),
)
contexts = st.builds(
    StatementContext,
    milestone=milestones,
    identity=identities,
    course=courses,
    registration=st.just(REGISTRATION),
    platform=TEXT,
    lms_root=st.just(LMS),
    content_id=st.just("course:DemoX+CS"),
    activity_id=st.just("course:DemoX+CS"),
)


@pytest.mark.slow
@given(contexts)
@settings(max_examples=150)
def test_every_telling_becomes_a_valid_statement(context: StatementContext) -> None:
    built = build(context, now=NOW)
    statement: dict[str, Any] = json.loads(built.body)

    check(statement)
    assert_valid_statement(statement)
    assert len(built.body) <= LIMIT
    assert datetime.fromisoformat(statement["timestamp"]) <= NOW
    assert json.dumps(statement, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode() == built.body


@given(contexts, st.datetimes(min_value=datetime(2100, 1, 2), timezones=st.just(UTC)))
@settings(max_examples=50)
def test_the_same_telling_is_the_same_statement_at_any_later_time(context: StatementContext, now: datetime) -> None:
    assert build(context, now=datetime(2100, 1, 2, tzinfo=UTC)) == build(context, now=now)


@given(contexts)
@settings(max_examples=50)
def test_a_track_record_has_the_documented_fields_and_types(context: StatementContext) -> None:
    track = build(context, now=NOW).track
    if track is None:
        assert context.milestone.kind in {Kind.PASSED, Kind.RETRACTED}
        return
    record: dict[str, Any] = json.loads(track)

    assert set(record) - {"duration_spent"} == {"content_id", "user", "status", "event_date", "completion_percentage"}
    assert datetime.strptime(record["event_date"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) <= NOW
    assert type(record["completion_percentage"]) is int
    assert type(record.get("duration_spent", 0)) is int
    assert record["user"] == context.identity.scalar
