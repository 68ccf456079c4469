"""IRIs, addresses on the web and email addresses, beside the judges that are stricter or laxer in places."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from hypothesis import given
from hypothesis import strategies as st
from ralph.models.xapi.base.common import IRI, MailtoEmail

from percipio_openedx.statements.text import address_of, is_common_email, is_email, is_iri, is_irl, is_mailto, mailto
from percipio_sandbox.validation.formats import check_mailbox


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
        ("a%b@example.com", True),
        ("a#b@example.com", True),
        ("{a}@example.com", True),
        ('"not@me"@example.com', True),
        ("user@डाटामेल.भारत", True),
        ("user@বাংলা.ভারত", True),
        ("user@சிங்கப்பூர்.இந்தியா", True),
        ("user@ශ්‍රී.ලංකා", True),
        ("user@例え.jp", True),
        ("a@b", False),
        ("a@localhost", False),
        ("a@[127.0.0.1]", False),
        ("a@exam ple.com", False),
        ("a@exam　ple.com", False),
        ("jür‮gen@example.com", False),
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


ENCODED = {
    "john.o'neil+x_y-z~!$*@example.com": "mailto:john.o'neil+x_y-z~!$*@example.com",
    "first#last@example.com": "mailto:first%23last@example.com",
    "50%off@example.com": "mailto:50%25off@example.com",
    "50%41@example.com": "mailto:50%2541@example.com",
    "who?@example.com": "mailto:who%3F@example.com",
    "a/b=c&d@example.com": "mailto:a%2Fb%3Dc%26d@example.com",
    "a^b`c|d@example.com": "mailto:a%5Eb%60c%7Cd@example.com",
    "{x}@example.com": "mailto:%7Bx%7D@example.com",
    '"not@me"@example.org': "mailto:%22not%40me%22@example.org",
    "user@डाटामेल.भारत": "mailto:user@डाटामेल.भारत",
    "jürgen@müller.example.de": "mailto:jürgen@müller.example.de",
}


@pytest.mark.parametrize("address", ENCODED)
def test_an_address_is_written_as_rfc_6068_says(address: str) -> None:
    written = mailto(address)

    assert written == ENCODED[address]
    assert address_of(written) == address
    assert (is_mailto(written), is_iri(written), is_email(address)) == (True, True, True)


@pytest.mark.parametrize(
    "value",
    [
        "a@example.com",
        "mailto:",
        "mailto:nobody",
        "mailto:a b@example.com",
        "mailto:first#last@example.com",
        "mailto:who?@example.com",
        "mailto:a@example.com?subject=x",
        "mailto:50%off@example.com",
        "mailto:%ff@example.com",
        "mailto:a@b@example.com",
        "mailto:a@example.com,b@example.com",
        "MAILTO:a@example.com",
        None,
        5,
    ],
)
def test_what_is_no_mailto_iri_of_one_address(value: object) -> None:
    assert not is_mailto(value)


local_parts = st.text("abz09.!#$%&'*+/=?^_`{|}~-", min_size=1, max_size=20) | st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=18
).map(lambda quoted: f'"{quoted}"')
domains = st.sampled_from(["example.com", "a-b.example.co.uk", "डाटामेल.भारत", "müller.example.de", "xn--mller-kva.de"])


@given(st.emails() | st.builds("{}@{}".format, local_parts, domains))
def test_whatever_the_lms_takes_stands_in_a_mailto_iri(address: str) -> None:
    """Registration in Open edX goes by Django's validator, whatever stands in the address."""
    try:
        validate_email(address)
    except ValidationError:
        return
    problems: list[str] = []
    check_mailbox(mailto(address), "mbox", problems)

    assert address_of(mailto(address)) == address
    assert is_iri(mailto(address))
    assert problems == []
    if len(address.rpartition("@")[0]) <= 64 and len(address) <= 254:
        assert is_mailto(mailto(address))


@given(st.emails())
def test_what_we_take_for_an_email_ralph_does_too(address: str) -> None:
    written = mailto(address)
    # Ralph's library counts the characters of what is encoded.
    if is_email(address) and len(written.removeprefix("mailto:").rpartition("@")[0]) <= 64:
        MailtoEmail.model_validate(written)


@given(
    st.text(max_size=40).map("mailto:{}".format)
    | st.from_regex(r"mailto:[^\x00-\x20]{1,20}@[a-z.]{1,9}", fullmatch=True)
)
def test_what_is_taken_for_a_mailto_iri_is_an_iri(value: str) -> None:
    if is_mailto(value):
        assert is_iri(value)
        assert is_email(address_of(value))
