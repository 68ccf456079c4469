"""Language tags and maps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langcodes import tag_is_valid

from percipio_openedx.statements import content
from percipio_openedx.statements.checker import LANGUAGE


@pytest.mark.parametrize(
    ("given_language", "expected"),
    [
        ("en", "en"),
        ("en-us", "en-US"),
        ("en_GB", "en-GB"),
        ("ar", "ar"),
        ("es-419", "es-419"),
        ("zh_CN", "zh-CN"),
        ("zh-cn", "zh-CN"),
        ("zh-hans", "zh-Hans"),
        ("zh_Hant_TW", "zh-Hant-TW"),
        ("zh-cmn-Hans", "zh-Hans"),
        ("pt-br", "pt-BR"),
        ("sr@latin", "sr"),
        ("uz@Latn", "uz-Latn"),
        ("ca@valencia", "ca-valencia"),
        ("en@pirate", "en"),
        ("en-XX", "en"),
        ("de_AT.UTF-8", "de-AT"),
        (" JA ", "ja"),
        ("fil", "fil"),
        ("xx", None),
        ("tlh", None),
        ("", None),
        ("en\n", "en"),
        ("日本語", None),
        ("e" * 100, None),
        ("-", None),
    ],
)
def test_a_language_becomes_a_tag(given_language: str, expected: str | None) -> None:
    assert content.language_tag(given_language) == expected


def test_every_known_subtag_is_a_registered_one() -> None:
    tags = {
        *content.LANGUAGES,
        *(f"zh-{script}" for script in content.SCRIPTS),
        *(f"en-{region}" for region in content.REGIONS),
        *(f"ca-{variant}" for variant in content.VARIANTS),
    }

    assert {tag for tag in tags if not tag_is_valid(tag)} == set()


PARTS = st.sampled_from(["zh", "en", "ca", "hans", "latn", "cn", "419", "valencia", "x", "tlh", "u-ca", ""])


@given(st.text() | st.lists(PARTS).map("-".join) | st.lists(PARTS).map("_".join))
def test_whatever_an_lms_holds_a_tag_is_valid(text: str) -> None:
    tag = content.language_tag(text)

    assert tag is None or (tag_is_valid(tag) and LANGUAGE.fullmatch(tag))


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (None, {"en-US": "text"}),
        ("en", {"en-US": "text"}),
        ("en-US", {"en-US": "text"}),
        ("en-GB", {"en-GB": "text", "en-US": "text"}),
        ("ar", {"ar": "text", "en-US": "text"}),
    ],
)
def test_a_map_always_has_the_fallback(tag: str | None, expected: dict[str, str]) -> None:
    assert content.language_map("text", tag) == expected
