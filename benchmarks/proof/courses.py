"""The harness's courses: five units of one block each, so that every share is a whole number; four sites."""

from __future__ import annotations

from demo.learning.plans import BlockPlan, CoursePlan, SectionPlan, UnitPlan

_ORGS = ("AcademyX", "CampusX", "WorkshopX", "AcademyX", "CampusX", "GuestX", "HarborX")
_TEXT = BlockPlan("html", "Text")
_EXAM = BlockPlan("problem", "Exam question", weight=1.0)

PLANS = tuple(
    CoursePlan(
        key=f"course-v1:{org}+CHAOS{number}+2026",
        name=f"Chaos {number}",
        sections=(
            SectionPlan("Reading", tuple(UnitPlan(f"Page {page}", (_TEXT,)) for page in (1, 2, 3))),
            SectionPlan("Exam", tuple(UnitPlan(f"Question {page}", (_EXAM,)) for page in (1, 2))),
        ),
    )
    for number, org in enumerate(_ORGS, start=1)
)
