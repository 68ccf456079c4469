"""What a request held of people is found again in what came back, in every form, and nothing else is."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from percipio_openedx.delivery.outcomes import Answer, judge
from percipio_openedx.enums import Outcome
from percipio_openedx.redaction import message_of, redacted
from percipio_openedx.statements.build import build
from percipio_openedx.statements.personal import _ORDINARY, NOBODY, personal, personal_of
from tests.unit.statements.cases import CASES, NOW

NAME, EMAIL, ACCOUNT = "Zebulon Quartermaine", "zq.private@school.example", "AD\\nora-7"
ZEBULON = personal([NAME, EMAIL, ACCOUNT])
STATEMENT = "0e7f3a4e-6d0b-4f5e-9a8b-0c8d7d1f2a10"

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "lower": str.lower,
    "upper": str.upper,
    "json": lambda text: json.dumps(text)[1:-1],
    "json twice": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "json in code points": lambda text: "".join(f"\\u{ord(letter):04x}" for letter in text),
    "percent": lambda text: quote(text, safe=""),
    "percent, all": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent twice": lambda text: quote(quote(text, safe=""), safe=""),
    "form": quote_plus,
    "entities": lambda text: "".join(f"&#{ord(letter)};" for letter in text),
    "entities in hexadecimal": lambda text: "".join(f"&#x{ord(letter):x};" for letter in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "hexadecimal": lambda text: text.encode().hex(),
    "in an identifier": lambda text: f"tenant_{text}_2026",
    "cut by soft hyphens": lambda text: "\u00ad".join(text),
    "zeros between": lambda text: text.encode("utf-16-le").decode("latin-1"),
    "on two lines": lambda text: text.replace(" ", "\r\n\t"),
    "in quotes": lambda text: f"'{text}'",
    "in a tag": lambda text: f"<td>{text}</td>",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [NAME, EMAIL, ACCOUNT])
def test_every_form_is_masked_and_the_rest_stands(value: str, form: str) -> None:
    text = f"statement {STATEMENT}: field actor.mbox is wrong for {FORMS[form](value)} in org-7"
    words = redacted(text, ZEBULON)

    assert words.startswith(f"statement {STATEMENT}: field actor.mbox is wrong for "), words
    assert words.endswith(" in org-7"), words
    for part in ("zebulon", "quartermaine", "zq", "private", "nora", FORMS[form](value).lower()):
        assert part not in words.lower()


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        # Split, turned round, one half alone.
        (NAME, "no Quartermaine, Zebulon in org-7", "no … in org-7"),
        (NAME, '{"given": "Zebulon", "family": "Quartermaine"}', '{"given": "…", "family": "…"}'),
        (EMAIL, "user zq.private of domain school.example", "user … of domain …"),
        (NAME, "user zebulonquartermaine9 is unknown", "user … is unknown"),
        (NAME, "no user Zebulon Quarterm…", "no user ……"),
        # Short names are whole words, and the small words of a language are no name alone.
        ("Li Bo", "no Li Bo: limit and body are valid, LI is not", "no …: limit and body are valid, … is not"),
        ("An Do", "an error: do not send An Do", "an error: do not send …"),
        ("Verb Name", "verb of Verb Name: name is invalid", "verb of …: name is invalid"),
        ("Jane A Doe", "Jane A Doe has a role", "… has a role"),
        # As others write it.
        ("Jürgen Groß", "Juergen Gross, jurgen gross, J?rgen Gro?", "…, J?…?"),
        ("Zoë Åström", "ZoÃ« Ã…strÃ¶m", "… …"),
        ("Zoë Åström", "Zoe Astrom", "…"),
        ("Łukasz Żądło", "lukasz zadlo", "…"),
        ("王小明", "找不到用户王小明的记录", "找不到用户…的记录"),
        ("김민준", "김민준을 찾을 수 없습니다", "…을 찾을 수 없습니다"),
        ("محمد علي", "المستخدم محمد علي غير موجود", "المستخدم … غير موجود"),
        ("अमीना हद्दाद", "उपयोगकर्ता अमीना हद्दाद नहीं मिला", "उपयोगकर्ता … नहीं मिला"),
        # Ids.
        ("0e3c0a0a-7c3c-4d6b-8f0e-1f2d3c4b5a69", "0E3C0A0A7C3C4D6B8F0E1F2D3C4B5A69 at 4d6b", "… at 4d6b"),
        ("0e3c0a0a-7c3c-4d6b-8f0e-1f2d3c4b5a69", f"{STATEMENT} is not 0e3c0a0a-7c3c-4d6b-8f0e-1f2d3c4b5a69",
         f"{STATEMENT} is not …"),
        ("4711", "user 4711 of 47110", "user … of 47110"),
        # The place of a course stays, though the address is the learner's as well.
        ("a.b@school.example", "https://lms.school.example/courses/x", "https://lms.school.example/courses/x"),
    ],
)  # fmt: skip
def test_names_as_they_come_back(value: str, text: str, masked: str) -> None:
    assert redacted(text, personal([value])) == masked


def test_a_name_at_the_end_of_what_is_read_is_not_cut_in_two() -> None:
    """The beginning of a name could not be told from any other word."""
    for length in range(3985, 4005):
        words = message_of(b"<" * length + NAME.encode(), (), ZEBULON)
        assert not any(part in words for part in ("Ze", "Qu")), length
    for length in range(980, 1005):
        assert "Zeb" not in message_of(b"-" * length + f"{NAME} and more".encode(), (), ZEBULON)


@pytest.mark.parametrize("case", sorted(CASES))
def test_all_people_of_a_statement_are_known_and_of_a_record_its_user(case: str) -> None:
    context = CASES[case]
    built = build(context, now=NOW)
    identity = context.identity
    people = [identity.name, identity.email, identity.account]
    found = personal_of(b"[" + built.body + b"]")
    for value in filter(None, people):
        assert redacted(f"no {value} here", found) == "no … here"
    if not identity.name:
        assert redacted("no Cloud here", found) == "no Cloud here"
    if case == "completed_several_instructors":
        assert redacted("no Jane Smith, محمد علي, kim@example.com", found) == "no …"
    assert redacted("Foundations of course:DemoX+CLOUD101, DemoX Learning", found) == (
        "Foundations of course:DemoX+CLOUD101, DemoX Learning"
    )
    if built.track is not None:
        assert redacted(f"no {identity.scalar} here", personal_of(built.track)) == "no … here"


@pytest.mark.parametrize("body", [None, b"", b"\xff", b"no json", b"[" * 100_000, b"null", b'[{"actor": 3}]'])
def test_what_is_no_statement_names_nobody(body: bytes | None) -> None:
    assert not personal_of(body)
    assert personal_of(body).masked("anything") == "anything"


def test_each_verdict_of_an_answer_is_masked_with_all_of_the_request() -> None:
    """Percipio may speak of any learner of the batch beside any id. Of what was accepted nothing is kept."""
    ids = [UUID(STATEMENT), UUID(int=7)]
    body = json.dumps(
        [
            {"id": str(ids[0]), "status": 400, "message": f"no {NAME}, but \\u005aebulon"},
            {"id": str(ids[1]), "status": 200, "message": f"stored for {NAME}"},
        ]
    ).encode()
    answer = Answer(Outcome.PARTIAL, 207, body=body, personal=ZEBULON)

    verdicts = judge(answer, ids).verdicts
    assert [verdicts[0].message, verdicts[1].message] == ["no …, but …", ""]


def test_nothing_personal_shows_in_a_repr() -> None:
    assert repr(ZEBULON) == repr(NOBODY)
    assert "Zebulon" not in repr(Answer(Outcome.LATER, 500, personal=ZEBULON))


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=4))
def test_any_text_and_any_names_are_masked_without_ado(text: str, values: list[str]) -> None:
    once = redacted(text, personal(values))
    assert len(once) <= 1000


# Ordinary words of such answers are no names: see the module.
names = st.text(st.characters(categories=("Lu", "Ll", "Lo")), min_size=6, max_size=20).filter(
    lambda name: name.casefold() not in _ORDINARY
)


@given(names, st.sampled_from(sorted(FORMS)))
def test_no_name_of_any_script_gets_through(name: str, form: str) -> None:
    words = redacted(f"user {FORMS[form](name)} not found", personal([name]))
    assert name.casefold() not in words.casefold()
    assert words.startswith("user ")
