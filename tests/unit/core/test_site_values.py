"""What a site says of itself in its ``SiteConfiguration``: foreign, checked, with the LMS's own in its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx import config
from percipio_openedx.config.installation import site_values_of
from percipio_openedx.statements.text import is_iri
from tests.unit.core.test_config import values


@pytest.mark.parametrize(
    ("said", "platform", "root", "unusable"),
    [
        (None, "LMS", "https://lms.example", ()),
        ({}, "LMS", "https://lms.example", ()),
        ({"PLATFORM_NAME": None, "LMS_ROOT_URL": None}, "LMS", "https://lms.example", ()),
        ({"PLATFORM_NAME": "", "LMS_ROOT_URL": " "}, "LMS", "https://lms.example", ()),
        (
            {"PLATFORM_NAME": " B Academy ", "LMS_ROOT_URL": " https://b.example/ "},
            "B Academy",
            "https://b.example",
            (),
        ),
        ({"PLATFORM_NAME": "Académie 学院"}, "Académie 学院", "https://lms.example", ()),
        ({"LMS_ROOT_URL": "https://b.example//"}, "LMS", "https://b.example", ()),
        ({"LMS_ROOT_URL": "http://local.edly.io:8000"}, "LMS", "http://local.edly.io:8000", ()),
        ({"LMS_ROOT_URL": "https://b.example/lms"}, "LMS", "https://b.example/lms", ()),
        *(
            ({"PLATFORM_NAME": wrong}, "LMS", "https://lms.example", ("PLATFORM_NAME",))
            for wrong in (7, True, ["B"], {"en": "B"}, "B" * 201, "B\0", "B\nC", "\ud800", "\u202eB")
        ),
        *(
            ({"PLATFORM_NAME": "B", "LMS_ROOT_URL": wrong}, "B", "https://lms.example", ("LMS_ROOT_URL",))
            for wrong in (
                *(7, False, ["https://b.example"], {"url": "https://b.example"}, "b.example", "//b.example", "B"),
                *("ftp://b.example", "javascript:alert(1)", "https://", "https:///x", "https://u:p@b.example"),
                *("https://b.example?x=1", "https://b.example#x", "https://b.example/<script>", "https://b .example"),
                *("https://b.example\\@evil.example", "https://b.example:99999", "https://b.example/" + "x" * 255),
                *("https://bücher.example", "https://[::1", "https://b.example/\nx", "https://\ud800.example"),
            )
        ),
        (["PLATFORM_NAME"], "LMS", "https://lms.example", ()),
        ("PLATFORM_NAME", "LMS", "https://lms.example", ()),
        (7, "LMS", "https://lms.example", ()),
        ({"PLATFORM_NAME": 7, "LMS_ROOT_URL": 7}, "LMS", "https://lms.example", ("PLATFORM_NAME", "LMS_ROOT_URL")),
    ],
)
def test_what_a_site_says_of_itself_is_checked(
    settings: Any, said: Any, platform: str, root: str, unusable: tuple[str, ...]
) -> None:
    settings.PLATFORM_NAME, settings.LMS_ROOT_URL = "LMS", "https://lms.example/"
    assert site_values_of(said) == (platform, root, unusable)
    made = config.build(1, values(), said)
    assert (made.platform, made.lms_root, made.learner_home_page, made.unusable) == (platform, root, root, unusable)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["PLATFORM_NAME", "LMS_ROOT_URL", "x"]), inner),
    )
)
def test_whatever_a_site_says_of_itself_its_address_can_stand_in_a_statement(said: Any) -> None:
    found = site_values_of(said)
    assert found.platform and found.platform.isprintable() and len(found.platform) <= 200
    assert is_iri(found.lms_root) and not found.lms_root.endswith("/")
