"""IRIs, addresses on the web and email addresses, beside the judges that are stricter or laxer in places."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ralph.models.xapi.base.common import IRI, MailtoEmail

from percipio_openedx.iri import is_common_email, is_email, is_iri, is_irl


@pytest.mark.parametrize(
    ("value", "iri", "irl"),
    [
        ("https://lms.example.com/courses/course-v1:Org+C+R", True, True),
        ("http://localhost:8000", True, True),
        ("http://[::1]:8000/x", True, True),
        ("HTTPS://lms.example.com?a=b#c", True, True),
        ("https://例え.jp/コース", True, True),
        ("course:Org+C", True, False),
        ("course-v1:Org+C+R", True, False),
        ("urn:uuid:1b4d9e1e-5c53-5f0e-9a7e-2f5f3f0a4c11", True, False),
        ("mailto:a@example.com", True, False),
        ("https://", False, False),
        ("https:///path", False, False),
        ("course:", False, False),
        ("no scheme", False, False),
        ("https://lms.example.com/a b", False, False),
        ("https://lms.example.com/%zz", False, False),
        ("https://lms.example.com/<x>", False, False),
        ("https://lms.example.com/\n", False, False),
        ("https://lms.example.com/a#b#c", False, False),
        ("https://user:secret@lms.example.com/", False, False),
        ("course:" + "x" * 2000, False, False),
        ("", False, False),
        (None, False, False),
        (5, False, False),
    ],
)
def test_what_is_an_iri(value: object, iri: bool, irl: bool) -> None:
    assert (is_iri(value), is_irl(value)) == (iri, irl)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("john.doe@example.com", True),
        ("o'brien+xapi@sub.example.co.uk", True),
        ("jürgen@müller.example.de", True),
        ("tom&jerry@example.com", True),
        ("a%b@example.com", False),
        ("a#b@example.com", False),
        ("{a}@example.com", False),
        ("a@b", False),
        ("a@1.2.3.4", False),
        ("a@b..com", False),
        (".a@example.com", False),
        ("a..b@example.com", False),
        ("a b@example.com", False),
        ("a@-example.com", False),
        ("a" * 65 + "@example.com", False),
        ("a@" + "b" * 250 + ".com", False),
        ("mailto:a@example.com", False),
        ("a@example.com\n", False),
        ("", False),
        (None, False),
    ],
)
def test_what_is_an_email(value: object, expected: bool) -> None:
    assert is_email(value) is expected


@given(st.from_regex(r"[a-z]{1,4}:(//)?[^\x00-\x20]{0,30}", fullmatch=True) | st.text(max_size=30))
def test_what_we_take_for_an_iri_ralph_does_too(text: str) -> None:
    if is_iri(text):
        IRI.model_validate(text)


@given(st.from_regex(r"[a-z0-9]+([.'_+-][a-z0-9]+)?@[a-z0-9]{1,9}(-[a-z0-9])?\.[a-z]{2,9}", fullmatch=True))
def test_an_ordinary_address_is_a_common_email(address: str) -> None:
    assert is_common_email(address) is (len(address.partition("@")[0]) <= 64)


@given(st.emails())
def test_what_we_take_for_an_email_ralph_does_too(address: str) -> None:
    if is_email(address):
        MailtoEmail.model_validate(f"mailto:{address}")
