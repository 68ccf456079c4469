"""What is said of a course, as a whole, and what holds it back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.catalog.items import NO_WORDING, Record, RunInCatalog, Wording, record
from percipio_openedx.data import CatalogPolicy, CourseRun
from percipio_openedx.enums import CatalogGap

ROOT = "https://lms.example.com"
POLICY = CatalogPolicy()
RUN = CourseRun(
    key="course-v1:AcademyX+CS101+2026",
    org="AcademyX",
    number="CS101",
    run="2026",
    org_name="The Academy",
    name="Cloud  Foundations",
    description="<p>How clouds <b>work</b>.</p><script>alert(1)</script>",
    language="pt_br",
    effort="2-3 hours per week",
    image="/asset-v1:AcademyX+CS101+2026+type@asset+block@cover.jpg",
    start=datetime(2026, 1, 5, tzinfo=UTC),
    end=datetime(2026, 2, 16, tzinfo=UTC),
)
WHOLE = {
    "content_id": "course:AcademyX+CS101",
    "title": "Cloud Foundations",
    "type": "COURSE",
    "duration": 54000,
    "language": "pt-BR",
    "url": "https://lms.example.com/percipio/launch/course%3AAcademyX%2BCS101",
    "description": "How clouds work.",
    "thumbnail_url": "https://lms.example.com/asset-v1:AcademyX+CS101+2026+type@asset+block@cover.jpg",
    "author": "The Academy",
}


def said(
    wording: Wording = NO_WORDING, policy: CatalogPolicy = POLICY, content_id: str = "course:AcademyX+CS101", **run: Any
) -> Record:
    return record(RunInCatalog(replace(RUN, **run), content_id, wording=wording), policy, ROOT)


def test_a_whole_record() -> None:
    assert said().document() == WHOLE
    assert said().gaps == ()


def test_the_operator_s_words_are_taken_before_the_course_team_s() -> None:
    wording = Wording("Clouds", "VIDEO", 900, "cloud, security ,cloud,,  ", "Academy Press")
    assert said(wording).document() == {
        **WHOLE,
        "title": "Clouds",
        "type": "VIDEO",
        "duration": 900,
        "tags": ["cloud", "security"],
        "author": "Academy Press",
    }


def test_what_is_missing_holds_the_item_back() -> None:
    bare = record(RunInCatalog(CourseRun("course-v1:A+C+R", "A", "C", "R"), "x"), POLICY, "")
    assert bare.document() == {"content_id": "x", "type": "COURSE"}
    assert bare.gaps == (CatalogGap.TITLE, CatalogGap.DURATION, CatalogGap.LANGUAGE, CatalogGap.URL)


def test_nothing_is_invented_unless_a_setting_says_so() -> None:
    assert said(effort="ask us", language="").gaps == (CatalogGap.DURATION, CatalogGap.LANGUAGE)
    policy = CatalogPolicy(type="COURSEWARE", duration=1800, language="en")
    filled = said(policy=policy, effort="ask us", language="xx-unknown-language-of-nobody-at-all")
    assert filled.document() == {**WHOLE, "type": "COURSEWARE", "duration": 1800, "language": "en"}
    # What the course says is taken before the setting.
    assert said(policy=policy).document() == {**WHOLE, "type": "COURSEWARE"}


def test_a_long_description_is_cut_at_a_word() -> None:
    found = said(description="words and more " * 100).description
    assert len(found) <= 500
    assert found.endswith(("words…", "and…", "more…"))


@pytest.mark.parametrize(
    ("image", "address"),
    [
        ("/static/cover.png", f"{ROOT}/static/cover.png"),
        ("https://cdn.example.com/a.JPEG?v=2", "https://cdn.example.com/a.JPEG?v=2"),
        ("//cdn.example.com/a.jpg", "https://cdn.example.com/a.jpg"),
        ("/a b/ü.jpg", f"{ROOT}/a%20b/%C3%BC.jpg"),
        ("/cover.svg", ""),
        ("/cover", ""),
        ("cover.jpg", ""),
        ("javascript:alert(1)//a.jpg", ""),
        ("https:///a.jpg", ""),
        ("", ""),
    ],
)
def test_the_image_s_address(image: str, address: str) -> None:
    assert said(image=image).thumbnail_url == address


@pytest.mark.parametrize(
    ("content_id", "path"),
    [("CS101", "CS101"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("課程 1", "%E8%AA%B2%E7%A8%8B%201"), ("..", "..")],
)
def test_the_launch_address(content_id: str, path: str) -> None:
    assert said(content_id=content_id).url == f"{ROOT}/percipio/launch/{path}"


texts = st.text(max_size=1200)


@given(texts, texts, texts, texts, texts, st.none() | st.integers(1, 10**6))
def test_no_text_breaks_it(
    name: str, description: str, effort: str, image: str, tags: str, duration: int | None
) -> None:
    found = said(
        Wording(tags=tags, duration=duration),
        name=name,
        description=description,
        effort=effort,
        image=image,
        language=name,
    )
    assert len(found.title) <= 255
    assert len(found.description) <= 500
    assert set(found.document()) <= {*WHOLE, "tags"}
    for text in (found.title, found.description, *found.tags):
        assert "\n" not in text
