"""The one door to the platform: what it reads, and how it does without what a release lacks."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from completion.models import BlockCompletion
from django.contrib.sites.models import Site
from django.db import OperationalError
from opaque_keys.edx.keys import CourseKey
from openedx.core.djangoapps.content.block_structure.api import update_course_in_cache
from openedx.core.djangoapps.content.block_structure.models import BlockStructureModel
from openedx.core.djangoapps.site_configuration.models import SiteConfiguration
from openedx.core.djangoapps.user_api.models import UserRetirementStatus

from demo.learning.faults import Fault, broken, outline_lags
from demo.learning.models import StoredBlock, StoredCourse
from percipio_openedx import edx_platform
from percipio_openedx.data import Course, Instructor, Progress
from percipio_openedx.edx_platform import door
from percipio_openedx.exceptions import PlatformUnavailable
from tests.integration.builders import KEY, a_course, a_learner, a_site, block, enrolled
from tests.integration.operations.test_erasures import ask_to_retire

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

PROGRESS = "lms.djangoapps.course_home_api.progress.api"


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """A release that lacks these modules."""
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.fixture
def learner() -> Any:
    course, learner = a_course(units=4), a_learner()
    enrolled(learner, course)
    BlockCompletion.objects.submit_completion(user=learner, block_key=block(course, 0), completion=1.0)
    return learner


def test_the_share_comes_from_the_progress_function(learner: Any) -> None:
    assert edx_platform.learner_progress(KEY, learner) == Progress(complete=1, incomplete=3, locked=0)


def test_without_it_nobody_knows(learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, PROGRESS)
    with pytest.raises(PlatformUnavailable, match="calculate_progress_for_learner_in_course is not available"):
        edx_platform.learner_progress(KEY, learner)


def test_each_look_sees_what_is_true_now(learner: Any) -> None:
    """The platform caches its summary for a request; a second look in the same process sees the new completion."""
    edx_platform.learner_progress(KEY, learner)
    BlockCompletion.objects.submit_completion(
        user=learner, block_key=block(CourseKey.from_string(KEY), 1), completion=1.0
    )
    assert edx_platform.learner_progress(KEY, learner) == Progress(complete=2, incomplete=2)


def test_of_a_course_that_is_gone_nothing_is_known(learner: Any) -> None:
    with pytest.raises(PlatformUnavailable, match="ItemNotFoundError"):
        edx_platform.learner_progress("course-v1:GoneX+G+1", learner)
    assert edx_platform.course("course-v1:GoneX+G+1") is None


def test_a_course_as_the_catalogue_describes_it() -> None:
    a_course(
        display_name="データ分析入門",
        language="ja",
        about={"short_description": "表計算から"},
        instructors=[{"name": "山田 花子"}, {"name": " "}, {"title": "nobody"}],
    )
    assert edx_platform.course(KEY) == Course(
        key=KEY,
        org="DemoX",
        number="CS101",
        run="2026",
        name="データ分析入門",
        description="表計算から",
        language="ja",
        instructors=(Instructor(name="山田 花子"),),
        is_graded=True,
    )


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "lms.djangoapps.certificates.models")
    with pytest.raises(PlatformUnavailable, match=r"GeneratedCertificate"):
        edx_platform.certificates(KEY, [1])


def test_a_course_that_is_half_readable_is_not_half_told(learner: Any) -> None:
    """A score would be left out of statements that are frozen then."""
    with (
        broken(Fault(OSError("no course store"), "graded_subsections_for_course_id")),
        pytest.raises(PlatformUnavailable, match="OSError"),
    ):
        edx_platform.course(KEY)


def test_a_course_whose_overview_outlived_it(learner: Any) -> None:
    edx_platform.course(KEY)
    StoredCourse.objects.all().delete()
    course = edx_platform.course(KEY)
    assert course is not None
    assert (course.name, course.is_graded, course.instructors) == ("Cloud Foundations", False, ())


def test_a_share_that_nobody_could_say_is_no_answer(learner: Any) -> None:
    with (
        broken(Fault(KeyError("a block"), "get_course_blocks_completion_summary")),
        pytest.raises(PlatformUnavailable, match="KeyError"),
    ):
        edx_platform.learner_progress(KEY, learner)


def test_a_count_below_zero_is_no_share(learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def odd(*_: Any) -> dict[str, int]:
        return {"complete_count": 3, "incomplete_count": -1, "locked_count": 0}

    monkeypatch.setattr(f"{PROGRESS}.calculate_progress_for_learner_in_course", odd)
    with pytest.raises(PlatformUnavailable):
        edx_platform.learner_progress(KEY, learner)


def test_the_version_of_the_outline_is_that_of_what_was_collected(
    learner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of the publication, which the platform's counts follow half a minute later."""
    before = edx_platform.outline_version(KEY)
    assert before
    with outline_lags():
        StoredCourse.objects.update(version="1" * 24)
        StoredBlock.objects.get(usage_key=CourseKey.from_string(KEY).make_usage_key("vertical", "unit3")).delete()
        assert edx_platform.learner_progress(KEY, learner) == Progress(complete=1, incomplete=3)
        assert edx_platform.outline_version(KEY) == before
    update_course_in_cache(CourseKey.from_string(KEY))
    assert edx_platform.learner_progress(KEY, learner) == Progress(complete=1, incomplete=2)
    assert edx_platform.outline_version(KEY) != before

    BlockStructureModel.objects.all().delete()
    assert edx_platform.outline_version(KEY) == ""


def test_what_an_account_was_known_by_before_it_retired(learner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it or an error: what is masked by half of the names still says the other half."""
    ask_to_retire(learner)
    assert {"amina", "amina@example.com"} <= set(edx_platform.names_of(learner.pk))
    with monkeypatch.context() as for_a_while:
        for_a_while.setattr(UserRetirementStatus.objects, "filter", unreadable)
        with pytest.raises(PlatformUnavailable, match="UserRetirementStatus failed with OperationalError"):
            edx_platform.names_of(learner.pk)
    without(monkeypatch, "openedx.core.djangoapps.user_api.models")
    with pytest.raises(PlatformUnavailable, match="UserRetirementStatus is not available"):
        edx_platform.names_of(learner.pk)


def unreadable(*_: Any, **__: Any) -> Any:
    raise OperationalError(1146, "no such table: amina@example.com")


def test_a_text_that_is_no_course_key() -> None:
    with pytest.raises(PlatformUnavailable, match="course key"):
        edx_platform.parsed("nonsense")


@pytest.mark.parametrize(
    ("filters", "org", "expected"),
    [
        ((["CampusX"],), "CampusX", 0),
        (("CampusX",), "CampusX", 0),
        ((["ÉcoleX", "CampusX"],), "ÉcoleX", 0),
        ((["CampusX"],), "campusx", None),
        ((["CampusXtra"],), "CampusX", None),
        # two claims: the lower site
        ((["CampusX"], ["CampusX"]), "CampusX", 0),
        ((["Other"], ["CampusX"]), "CampusX", 1),
        ((None,), "CampusX", None),
    ],
)
def test_which_site_an_organization_belongs_to(filters: tuple[Any, ...], org: str, expected: int | None) -> None:
    sites = []
    for number, named in enumerate(filters):
        site = a_site(f"site{number}.example.com")
        SiteConfiguration.objects.filter(site=site).update(site_values={"course_org_filter": named})
        sites.append(site.pk)
    assert edx_platform.sites_by_org().get(org) == (None if expected is None else sites[expected])


def test_a_disabled_site_claims_nothing() -> None:
    site = a_site("site.example.com", "CampusX")
    SiteConfiguration.objects.filter(site=site).update(enabled=False)
    assert edx_platform.sites_by_org().get("CampusX") is None


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        *(("my_lms.local", "my_lms.local"), ("MY_LMS.local:80", "my_lms.local"), ("my_lms.local.:80", "my_lms.local")),
        *(("studio.local:18010", "studio.local:8000"), ("[2001:db8::7]:80", "[2001:db8::7]"), ("", None)),
        *(
            ("nowhere.local", None),
            ("my-lms.local", None),
            ("[", None),
            ("a:b:c", None),
            ("[::1]x", None),
            (":80", None),
        ),
    ],
)
def test_a_site_by_its_host(host: str, domain: str | None) -> None:
    for name in ("my_lms.local", "studio.local:8000", "[2001:db8::7]"):
        Site.objects.create(domain=name, name=name[:20])
    found = edx_platform.site_id_of_host(host)
    assert found == (None if domain is None else Site.objects.get(domain=domain).pk)


def test_a_signal_that_a_release_lacks_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "missing_signals", [])
    edx_platform.signal("lms.djangoapps.nowhere", "SOMETHING").send(sender=None)
    edx_platform.signal("openedx_events.learning.signals", "NEVER_HEARD_OF").send(sender=None)
    assert door.missing_signals == [
        "lms.djangoapps.nowhere.SOMETHING",
        "openedx_events.learning.signals.NEVER_HEARD_OF",
    ]
