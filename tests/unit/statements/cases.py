"""The tellings whose statements and Track records are kept whole in ``tests/fixtures``."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from percipio_openedx.data import Course, Instructor, LearnerIdentity, Milestone
from percipio_openedx.enums import Kind
from percipio_openedx.statements import content
from percipio_openedx.statements.content import StatementContext

LMS: Final = "https://lms.example.com"
NOW: Final = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
AT: Final = datetime(2026, 5, 13, 14, 25, 0, 123456, tzinfo=UTC)
# A hook of event-routing-backends that our statements run through.
VERB_FILTER: Final = "event_routing_backends.processors.xapi.transformer.xapi_transformer.get_verb"
REGISTRATION: Final = UUID("1b4d9e1e-5c53-5f0e-9a7e-2f5f3f0a4c11")

JOHN: Final = LearnerIdentity(email="john.doe@example.com", name="John Doe")
CLOUD: Final = Course(
    key="course-v1:DemoX+CLOUD101+2026",
    org="DemoX",
    number="CLOUD101",
    run="2026",
    name="Cloud Foundations",
    description="<p>Learn the basics of <b>cloud computing</b>.</p>",
    language="en",
    is_graded=True,
)
ARABIC: Final = replace(
    CLOUD,
    key="course-v1:DemoX+AR1+2026",
    name="أساسيات الحوسبة السحابية",
    description="<p>تعلّم أساسيات الحوسبة السحابية مع <i>أمثلة</i> عملية.</p>",
    language="ar",
)
JAPANESE: Final = replace(
    CLOUD,
    key="course-v1:DemoX+JA1+2026",
    name="クラウド入門",
    description="<p>クラウドコンピューティングの基礎を学びます。</p>",
    language="ja",
)
HOSTILE: Final = replace(
    CLOUD,
    name='🚀 C++ <vector> & "Tèmpla\u0301tes" <script>alert(1)</script>\x00\ud800\u202e',
    description=(
        "<style>p{}</style><p>Tom &amp; Jerry&nbsp;👩‍👩‍👧</p><script>steal()</script>"
        "<img src=x onerror='a>b'>a < b<br>end"
    ),
)
CROWD: Final = tuple(
    Instructor(f"Instructor Number {number} 👩🏽‍🏫", f"teacher{number}@example.com") for number in range(60)
)


def a_context(kind: Kind, course: Course = CLOUD, **changes: Any) -> StatementContext:
    """A telling with plain defaults; changes go to the milestone where it has the field, else to the telling."""
    of_milestone = {name: changes.pop(name) for name in list(changes) if name in Milestone.__dataclass_fields__}
    milestone = Milestone(**{"kind": kind, "at": AT, **of_milestone})
    defaults = {
        "user_id": 7,
        "identity": JOHN,
        "course": course,
        "registration": REGISTRATION,
        "platform": "DemoX Learning",
        "lms_root": LMS,
        "content_id": "course:DemoX+CLOUD101",
        "activity_id": "course:DemoX+CLOUD101",
    }
    return StatementContext(milestone=milestone, **{**defaults, **changes})


GRADED: Final[dict[str, Any]] = {"score": 0.857142, "success": True, "seconds": 1800}

CASES: Final[dict[str, StatementContext]] = {
    "started": a_context(Kind.STARTED),
    "started_account": a_context(
        Kind.STARTED, identity=LearnerIdentity(home_page=LMS, account="john_doe", name="John Doe")
    ),
    "started_unusual_address": a_context(Kind.STARTED, identity=LearnerIdentity(email="50%off#1/a&b?{x}@example.com")),
    "started_percipio_uuid": a_context(
        Kind.STARTED,
        identity=LearnerIdentity(
            home_page="https://example.percipio.com", account="0e3c0a0a-7c3c-4d6b-8f0e-1f2d3c4b5a69", organization="o-1"
        ),
    ),
    "progressed": a_context(Kind.PROGRESSED, percent=40, seconds=3725),
    "progressed_japanese": a_context(Kind.PROGRESSED, JAPANESE, percent=73, seconds=59),
    "progressed_unknown_duration": a_context(Kind.PROGRESSED, percent=10),
    "passed": a_context(Kind.PASSED, score=0.7, success=True),
    "failed": a_context(Kind.FAILED, score=0.4, success=False),
    "failed_again": a_context(Kind.FAILED, score=0.25, success=False, round=1),
    "completed": a_context(Kind.COMPLETED, **GRADED),
    "completed_ungraded": a_context(Kind.COMPLETED, replace(CLOUD, is_graded=False), seconds=36000),
    "completed_not_passed": a_context(Kind.COMPLETED, score=0.4, success=False, seconds=0),
    "completed_full_marks": a_context(Kind.COMPLETED, score=1.0, success=True),
    "completed_arabic": a_context(Kind.COMPLETED, ARABIC, **GRADED),
    "completed_japanese": a_context(Kind.COMPLETED, JAPANESE, **GRADED),
    "completed_chinese": a_context(Kind.COMPLETED, replace(CLOUD, name="云计算基础", language="zh_CN")),
    "completed_british": a_context(Kind.COMPLETED, replace(CLOUD, language="en-gb")),
    "completed_unknown_language": a_context(Kind.COMPLETED, replace(CLOUD, language="tlh")),
    "completed_hostile_texts": a_context(Kind.COMPLETED, HOSTILE, **GRADED),
    "completed_one_instructor": a_context(
        Kind.COMPLETED, replace(CLOUD, instructors=(Instructor("Jane Smith", "jane.smith@example.com"),))
    ),
    "completed_several_instructors": a_context(
        Kind.COMPLETED,
        replace(
            CLOUD,
            instructors=(Instructor("Jane Smith"), Instructor("محمد علي"), Instructor("Kim", "kim@example.com")),
        ),
    ),
    "completed_bare": a_context(
        Kind.COMPLETED,
        Course(key="course-v1:DemoX+BARE+1", org="DemoX"),
        identity=replace(JOHN, name=""),
        platform="",
    ),
    "completed_named_by_url": a_context(
        Kind.COMPLETED,
        content_id=f"{LMS}/courses/course-v1:DemoX+CLOUD101+2026",
        activity_id=f"{LMS}/courses/course-v1:DemoX+CLOUD101+2026",
    ),
    "completed_retake": a_context(
        Kind.COMPLETED,
        replace(CLOUD, key="course-v1:DemoX+CLOUD101+2026b", run="2026b"),
        at=datetime(2026, 6, 20, 9, 30, tzinfo=UTC),
        registration=UUID("6f0f1f0c-27a4-5a3e-8b0c-0a35f2c1a7d9"),
        **GRADED,
    ),
    "completed_named_by_slug": a_context(
        Kind.COMPLETED, content_id="DemoX-CLOUD101", activity_id=content.activity_id("DemoX-CLOUD101", LMS)
    ),
    "completed_again": a_context(Kind.COMPLETED, round=1, **GRADED),
    "completed_clock_ahead": a_context(Kind.COMPLETED, at=datetime(2031, 1, 1, tzinfo=UTC)),
    "completed_largest": a_context(
        Kind.COMPLETED,
        replace(ARABIC, name="أ" * 300, description="<p>سحابة 👩🏽‍💻 </p>" * 3000, instructors=CROWD),
        **GRADED,
    ),
    "retracted_completed": a_context(Kind.RETRACTED, retracts=Kind.COMPLETED),
    "retracted_failed": a_context(Kind.RETRACTED, retracts=Kind.FAILED),
    "retracted_passed_again": a_context(Kind.RETRACTED, retracts=Kind.PASSED, round=1),
}
