"""What a course is called in Percipio, and what statements say of it: ids, address, texts and language. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from percipio_openedx.data import Course
from percipio_openedx.statements import people
from percipio_openedx.statements.iri import is_iri, is_irl
from percipio_openedx.statements.text import plain, text_of
from percipio_openedx.statements.vocabulary import FALLBACK_LANGUAGE

LONGEST_NAME: Final = 255
LONGEST_DESCRIPTION: Final = 2000

# Registered primary languages: ISO 639-1, and the three-letter ones for which Open edX or its translators
# have names.
_LANGUAGES: Final = """
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee
    el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii
    ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh
    mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro
    ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw
    ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu arn ast awa bho brx ceb chr ckb cmn crh doi dsb fil
    fur gsw haw hmn hsb ilo kaa kab kmr kok lus mag mai mni nah nds prs quc rom sah sat sco szl tet tpi
    tzm udm war yue zgh
"""
LANGUAGES: Final = frozenset(_LANGUAGES.split())
_SCRIPTS: Final = """
    Arab Armn Beng Bopo Cans Cher Cyrl Deva Ethi Geor Grek Gujr Guru Hang Hans Hant Hebr Jpan Khmr Knda Kore
    Laoo Latn Mlym Mong Mymr Nkoo Orya Sinh Syrc Taml Telu Tfng Thaa Thai Tibt
"""
SCRIPTS: Final = frozenset(_SCRIPTS.split())
_REGIONS: Final = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
    BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES
    ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID
    IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU
    LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO
    NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI
    SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW 001 150 419
"""
REGIONS: Final = frozenset(_REGIONS.split())
VARIANTS: Final = frozenset({"valencia", "tarask"})

_SEPARATOR: Final = re.compile(r"[-_@.]")
_LONGEST_TAG: Final = 35  # RFC 5646 section 4.4.1


@dataclass(frozen=True, slots=True, eq=False)
class CourseFacts:
    """A course run as statements describe it: clean, bounded, in its language. One object for all of its learners."""

    url: str
    name: str
    description: str
    language: str | None
    instructors: tuple[dict[str, Any], ...]


@lru_cache(maxsize=512)
def course_facts(course: Course, lms_root: str) -> CourseFacts:
    """Return what statements say of a course run. Cached by value, so that a renamed course is never stale."""
    url = course_url(course.key, lms_root)
    return CourseFacts(
        url=url if is_irl(url) else "",
        name=plain(course.name, LONGEST_NAME),
        description=plain(text_of(course.description), LONGEST_DESCRIPTION),
        language=language_tag(course.language),
        instructors=tuple(people.instructors(course.instructors, lms_root)),
    )


def content_id(course: Course, rule: str, lms_root: str) -> str:
    """Return the id under which Percipio's catalog knows the course.

    Arguments:
        course: the course run; its own ``content_id``, set by an operator, wins.
        rule: ``PERCIPIO_CONTENT_ID``.
        lms_root: this LMS's address.
    """
    if course.content_id:
        return course.content_id
    if rule == "course_run":
        return course.key
    if rule == "url":
        return course_url(course.key, lms_root)
    return f"course:{course.org}+{course.number}"


def activity_id(content: str, lms_root: str) -> str:
    """Return the ``object.id`` of statements: the content id where it is an IRI already, else one made of it.

    Source: xAPI 1.0.3 Data 2.4.4.1 (an activity's id is an IRI).
    """
    if is_iri(content):
        return content
    return f"{lms_root}/percipio/content/{quote(content, safe='')}"


def course_url(course_key: str, lms_root: str) -> str:
    """Return the course run's address in the LMS."""
    return f"{lms_root}/courses/{quote(course_key, safe=':+@')}"


@lru_cache(maxsize=256)
def language_tag(language: str) -> str | None:
    """Return the RFC 5646 tag for a language as an LMS writes it; None where the language is not known.

    Subtags that are not known are left out, so that the tag becomes more general instead of wrong (RFC 4647
    section 3.4: ``en@pirate`` becomes ``en``).
    """
    if not language.isascii() or len(language) > _LONGEST_TAG:
        return None
    primary, *others = _SEPARATOR.split(language.strip().lower())
    if primary not in LANGUAGES:
        return None
    subtags = [
        _first(others, SCRIPTS, str.title),
        _first(others, REGIONS, str.upper),
        _first(others, VARIANTS, str.lower),
    ]
    return "-".join([primary, *filter(None, subtags)])


def _first(subtags: list[str], known: frozenset[str], spell: Callable[[str], str]) -> str:
    return next((spelt for subtag in subtags if (spelt := spell(subtag)) in known), "")


def language_map(text: str, language: str | None) -> dict[str, str]:
    """Return a language map (Data 4.2) of a text in the language of a course.

    There is always an entry for ``en-US``, for readers that look for no other: the text as it is, not a
    translation.
    """
    if language is None or language == "en":
        return {FALLBACK_LANGUAGE: text}
    return {language: text, FALLBACK_LANGUAGE: text}
