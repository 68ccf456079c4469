"""The demo's courses: graded and not, in several languages, with locked units, and one that is large."""

from __future__ import annotations

from collections.abc import Iterable

from demo.learning.plans import BlockPlan, CoursePlan, SectionPlan, UnitPlan

TEXT = BlockPlan("html", "Text")
VIDEO = BlockPlan("video", "Video")
TALK = BlockPlan("discussion", "Discussion")
PRACTICE = BlockPlan("problem", "Try it")
EXAM = BlockPlan("problem", "Exam question", weight=1.0)

STAFF_ROOM = UnitPlan("For staff", (TEXT,), staff_only=True)

# Section, units and blocks of the large course: 10 x 20 units of three blocks, and as many graded questions as units.
LARGE_SECTIONS = 10
LARGE_UNITS = 20


def _section(name: str, units: Iterable[UnitPlan]) -> SectionPlan:
    return SectionPlan(name, tuple(units))


def _reading(name: str, count: int) -> SectionPlan:
    return _section(name, (UnitPlan(f"{name} {number}", (TEXT, VIDEO)) for number in range(1, count + 1)))


def _exam(name: str, count: int, gated: bool = False) -> SectionPlan:
    return _section(name, (UnitPlan(f"{name} {number}", (EXAM,), gated=gated) for number in range(1, count + 1)))


DATA = CoursePlan(
    key="course-v1:AcademyX+DATA101+2026",
    name="Reading Data Well",
    description="How to read a chart, doubt it politely, and draw a better one.",
    effort="2-3 hours a week",
    instructors=("Amara Okafor",),
    has_certificate=True,
    sections=(_reading("Charts", 6), _exam("Exam", 4)),
)
SAFETY = CoursePlan(
    key="course-v1:AcademyX+SAFE100+2026",
    name="Safety at Work",
    description="Ladders, solvents and fire doors. Nothing in it is graded.",
    self_paced=True,
    sections=(
        _reading("Everyday risks", 4),
        _section("Practice", (UnitPlan("Spot the risk", (PRACTICE, TALK)), STAFF_ROOM)),
    ),
)
JAPANESE = CoursePlan(
    key="course-v1:CampusX+JA201+2026",
    name="データ分析入門",
    description="表計算から統計まで、身近な例で学ぶデータ分析の基礎。",
    language="ja",
    instructors=("山田 花子",),
    has_certificate=True,
    sections=(_reading("講義", 5), _exam("試験", 5)),
)
ARABIC = CoursePlan(
    key="course-v1:CampusX+PM300+2026",
    name="مبادئ إدارة المشاريع",
    description="من الفكرة إلى التسليم: تخطيط المشاريع ومتابعتها خطوة بخطوة.",
    language="ar",
    has_certificate=True,
    pass_mark=0.6,
    sections=(_reading("الدروس", 4), _exam("الاختبار", 4, gated=True)),
)
BICYCLES = CoursePlan(
    key="course-v1:WorkshopX+BIKE10+2026",
    name="Mend Your Bicycle",
    description="Tyres, brakes and chains: an afternoon's work, and a short test.",
    instructors=("Priya Nair",),
    sections=(_reading("Workshop", 4), _exam("Test", 2)),
)
LARGE = CoursePlan(
    key="course-v1:AcademyX+LAW900+2026",
    name="Business Law, Complete",
    description="A year of business law in two hundred units.",
    sections=tuple(
        _section(
            f"Part {part}",
            (UnitPlan(f"Case {part}.{number}", (TEXT, VIDEO, EXAM)) for number in range(1, LARGE_UNITS + 1)),
        )
        for part in range(1, LARGE_SECTIONS + 1)
    ),
)
# No site claims this organization, so the LMS's default site stands for it.
UNCLAIMED = CoursePlan(
    key="course-v1:GuestX+ART050+2026",
    name="Looking at Pictures",
    description="A guest course.",
    sections=(_reading("Gallery", 3), _exam("Quiz", 2)),
)

CATALOGUE = (DATA, JAPANESE, SAFETY, ARABIC, BICYCLES, UNCLAIMED, LARGE)


def plans(count: int) -> tuple[CoursePlan, ...]:
    """The first `count` courses of the catalogue; more than it has are made up alike."""
    return tuple(CATALOGUE[:count]) + tuple(_made_up(number) for number in range(len(CATALOGUE) + 1, count + 1))


def _made_up(number: int) -> CoursePlan:
    org = "AcademyX" if number % 2 else "CampusX"
    return CoursePlan(
        key=f"course-v1:{org}+GEN{number:03}+2026",
        name=f"General Studies {number}",
        description=f"Course number {number} of a long list.",
        sections=(_reading("Lesson", 4), _exam("Exam", 2)),
    )
