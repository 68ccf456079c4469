"""Every IRI and fixed word of the statements, in one place.

Sources: Skillsoft's list of the verbs that Percipio uses, ADL's vocabulary of verbs and activity types, cmi5 section
9.5.5.1 (progress), xAPI 1.0.3 Data 2.3.2 (voiding).
"""

from __future__ import annotations

from typing import Final

from percipio_openedx.enums import Kind

# The header X-Experience-API-Version (Communication 3.3); a statement itself carries no version (Data 2.4.10).
XAPI_VERSION: Final = "1.0.3"

# Percipio's limit for one statement, in bytes of JSON as sent ("16 KB" on its tracking page).
STATEMENT_LIMIT: Final = 16 * 1024

ADL_VERBS: Final = "http://adlnet.gov/expapi/verbs/"
VERB_VOIDED: Final = ADL_VERBS + "voided"
# Characters that a row can hold; a site's filter step may set the verb.
LONGEST_VERB: Final = 100

VERBS: Final[dict[Kind, str]] = {
    Kind.STARTED: ADL_VERBS + "initialized",
    Kind.PROGRESSED: ADL_VERBS + "progressed",
    Kind.PASSED: ADL_VERBS + "passed",
    Kind.FAILED: ADL_VERBS + "failed",
    Kind.COMPLETED: ADL_VERBS + "completed",
    Kind.RETRACTED: VERB_VOIDED,
}

ACTIVITY_COURSE: Final = "http://adlnet.gov/expapi/activities/course"
EXTENSION_PROGRESS: Final = "https://w3id.org/xapi/cmi5/result/extensions/progress"

# The language of the verbs' display, and of the entry that every language map has.
FALLBACK_LANGUAGE: Final = "en-US"

TRACK_STATUS: Final[dict[Kind, str]] = {
    Kind.STARTED: "started",
    Kind.PROGRESSED: "in_progress",
    Kind.COMPLETED: "completed",
}

# Registered primary languages: ISO 639-1, and the three-letter codes that Open edX or its translators have names for.
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


def event_name(kind: Kind) -> str:
    """Return the name of a milestone's event in event-routing-backends."""
    return f"percipio.course.{kind}"
