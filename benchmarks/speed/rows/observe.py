"""Observing learners: how many a second, with what number of queries, and when the platform's progress is asked."""

from __future__ import annotations

from typing import Any

from benchmarks.speed import world
from benchmarks.speed.case import MARIADB, SQLITE, Case, Line, Results, Row
from benchmarks.speed.measure import Figures, queries, whole


def _size(quick: bool) -> int:
    return 1000 if quick else 4000


def _observed(count: int) -> int:
    """Observe everything that is due, as a worker does; return the number of learner-courses."""
    from percipio_openedx.reporting.due import report_due

    reported = report_due()
    if reported.observed != count:
        raise AssertionError(f"{reported.observed} of {count} were observed: {reported}")
    return count


def _without_building() -> None:
    """The platform's reads and the observation as they are, but nothing to report."""
    from percipio_openedx.models import LearnerCourse

    LearnerCourse.objects.update(reported_started=True, reported_passed=True, reported_completed=True)


def _stub_platform() -> None:
    """The platform's answers at no cost: what is left is the plugin's own work."""
    from percipio_openedx import edx_platform
    from percipio_openedx.data import Activity, Enrollment, Grade, Learner

    enrolled, grade = Enrollment(world.BEGAN), Grade(0.8, True, world.BEGAN, world.BEGAN)
    activity = Activity(world.BEGAN, world.BEGAN, version="1@1")

    def of_each(value: Any) -> Any:
        return lambda course_key, user_ids, *rest: dict.fromkeys(user_ids, value)

    edx_platform.enrollments, edx_platform.activities = of_each(enrolled), of_each(activity)
    edx_platform.grades, edx_platform.certificates = of_each(grade), lambda course_key, user_ids: {}
    edx_platform.retiring = lambda user_ids: set()
    edx_platform.learners = lambda user_ids: {
        n: Learner(n, True, False, f"learner{n}", f"learner{n}@example.com", f"Learner {n}") for n in user_ids
    }


def unchanged(quick: bool) -> Figures:
    """Observe alone, with nothing to report and the platform stubbed."""
    return _again(quick, stubbed=True)


def real_platform(quick: bool) -> Figures:
    """Nothing to report, the platform's rows read in earnest (the demo's stand-ins of them)."""
    return _again(quick, stubbed=False)


def _again(quick: bool, *, stubbed: bool) -> Figures:
    count = _size(quick)
    if stubbed:
        _stub_platform()
    world.forget_reports()
    world.notices(count)
    _observed(count)
    _without_building()
    world.notices(100)
    with queries() as asked:
        _observed(100)
    small = len(asked)
    world.notices(count)
    with queries() as asked:
        figures = whole(lambda: _observed(count))
    return {**figures, "queries": len(asked) / count * 1000, "queries_of_100": small}


def reporting(quick: bool) -> Figures:
    """Three statements of each (started, passed, completed), built and frozen; the platform stubbed."""
    from percipio_openedx.models import Statement

    count = _size(quick) // 2
    _stub_platform()
    world.forget_reports()
    world.notices(200)
    _observed(200)
    world.notices(count, world.FIRST + 200)
    with queries() as asked:
        figures = whole(lambda: _observed(count))
    made = Statement.objects.count() / (count + 200)
    return {**figures, "queries": len(asked) / count * 1000, "statements": made}


def burst(quick: bool) -> Figures:
    """A hundred completions of one learner: notices written by the receivers, one observation."""
    from completion.models import BlockCompletion
    from opaque_keys.edx.keys import CourseKey
    from waffle.models import Switch

    from demo.learning.costs import CALLS
    from percipio_openedx.models import Statement
    from percipio_openedx.reporting.due import report_due

    world.forget_reports()
    Switch.objects.update_or_create(name="completion.enable_completion_tracking", defaults={"active": True})
    key = CourseKey.from_string(world.COURSE)
    for number in range(100):
        block = key.make_usage_key("problem", f"problem{number % 4}" if number < 50 else f"more{number}")
        BlockCompletion.objects.submit_completion(world.get_learner(), block, 1.0)
    CALLS.clear()
    reported = report_due()
    asked = CALLS["calculate_progress_for_learner_in_course"]
    # Alone, what progress depends on is read, and remembered, from the second time on.
    for _ in range(2):
        before = CALLS["calculate_progress_for_learner_in_course"]
        world.notices(1, world.FIRST + 1)
        report_due()
    again = CALLS["calculate_progress_for_learner_in_course"] - before
    found = Statement.objects.filter(kind="progressed").count()
    return {"observed": reported.observed, "progressed": found, "asked": asked, "asked_again": again}


def lines(results: Results) -> list[Line]:
    """Observations, then the burst."""
    found = []
    for database in (MARIADB, SQLITE):
        for case, what in (("unchanged", "nothing new"), ("reporting", "three statements each")):
            own = results.get((case, database))
            if own is not None:
                found.append(_speed(own, f"observing, platform stubbed, {what}, {database}", case == "unchanged"))
    if own := results.get(("real_platform", MARIADB)):
        found.append(_speed(own, "observing, the stand-ins' rows read, nothing new, mariadb", None))
    if own := results.get(("burst", MARIADB)):
        found.append(_burst(own))
    return found


def _burst(own: Figures) -> Line:
    good = own["observed"] == 1 and own["progressed"] <= 1 and own["asked"] <= 1 and own["asked_again"] == 0
    found = f"{own['observed']:.0f} observation, {own['progressed']:.0f} progress statement, platform's progress asked"
    return Line(
        "a burst of 100 completions",
        f"{found} {own['asked']:.0f} time",
        goal="at most 1 each; none once it is remembered",
        met=good,
    )


def _speed(own: Figures, what: str, judged: bool | None) -> Line:
    met = own["per_second"] >= 2000 if judged else None
    ours = f"{own['per_second']:.0f} learner-courses/s, {own['cpu_per_1000']:.2f} CPU s/1000"
    return Line(
        what,
        f"{ours}, {own['queries']:.0f} queries/1000",
        goal="at least 2,000/s, queries constant" if judged else "",
        met=met,
    )


CASES = {
    "unchanged": Case(unchanged, (MARIADB, SQLITE)),
    "reporting": Case(reporting, (MARIADB, SQLITE)),
    "real_platform": Case(real_platform),
    "burst": Case(burst, rounds=1),
}
ROW = Row("observe", CASES, lines)
