"""Read a course's effort, which is free text, as seconds. Pure; never raises, and guesses nothing.

A number without a unit is hours, as in Studio. What is said to be by the week is multiplied by the weeks that the text
names, else by those of the run; anything else is taken for the whole course, even where Studio asks for hours a week:
course teams write both, and a run that is open for a year would have a one-hour course last fifty.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import Final

from percipio_openedx.data import LONGEST_COURSE

SHORTEST: Final = 60
# A run that is open longer says when it may be taken, not how long it takes.
MOST_WEEKS: Final = 53
# More hours without a unit than a week has are none.
MOST_BARE: Final = 168
LONGEST_TEXT: Final = 200

_HOURS: Final = (
    r"(?:hours?|hrs?\.?|h|stunden?|std\.?|heures?|horas?|ore|ora|uur|uren|timer|tim\.?|godz\w*|час\w*|год\w*|saat"
    r"|ساعات|ساعة|時間|小时|小時|시간)"
)
_MINUTES: Final = (
    r"(?:min\.?|mins\.?|m|minut\w*|мин\w*|хв\w*|dakika"
    r"|دقيقة|دقائق|分钟|分鐘|分|분)"
)
_WEEKS: Final = r"(?:weeks?|wks?\.?|wochen?|semaines?|semanas?|settiman[ae]|weken|tygodni\w*|недел\w*|週間|週|周|주)"
_NUMBER: Final = r"(\d{1,4}(?:[.,]\d{1,2})?|[.,]\d{1,2})"
_TO: Final = r"(?:\s*(?:-|to|till|until|bis|tot|à|a|e|y|et|and|und|до|و|〜|~)\s*)"
_RANGE: Final = rf"{_NUMBER}(?:{_TO}{_NUMBER})?\s*\+?\s*-?\s*"

_AMOUNT: Final = re.compile(rf"(?<![\d.,:]){_RANGE}(?:({_HOURS})|({_MINUTES}))(?![^\W\d_])")
_CLOCK: Final = re.compile(r"(?<![\d.,:])(\d{1,3}):([0-5]\d)(?![\d:])(?:\s*(?:h|hours?|hrs?)\b)?")
_BARE: Final = re.compile(rf"[^\w-]*{_RANGE}\W*")
_SPAN: Final = re.compile(rf"(?<![\d.,]){_NUMBER}\s*-?\s*{_WEEKS}(?!\w)")
_BY_THE_WEEK: Final = re.compile(
    rf"(?:per|/|a|an|each|every|pro|je|par|por|a la|à la|alla|jede|in der|в|за|في)\s*(?:{_WEEKS}|tydzień|неделю)(?!\w)"
    r"|weekly|/\s*w\b|\bp\.?w\.?(?!\w)|wöchentlich|hebdomadaires?|semanal(?:es)?|settimanali?"
    r"|毎週|每周|每週|週に|週(?=\s*\d)|周(?=\s*\d)|매주|أسبوعيا|في الأسبوع"
)
# By the day, the month or the lesson: how many of them there are is not known.
_BY_ANYTHING: Final = re.compile(
    r"/|\b(?:per|each|every|pro|je|par|por|daily|täglich|monthly)\b|\ban? (?:day|month|lesson|module|unit|section)\b"
)

_DASHES: Final = re.compile("[\u2010-\u2015\u2212\uff0d]")


@lru_cache(maxsize=1024)
def seconds(effort: str, weeks: float | None = None) -> int | None:
    """Return the seconds that a course takes, None if the text does not say so in a way that can be read.

    ``weeks`` is how long the run takes (``weeks_of``), for an effort by the week. A range gives its middle.
    """
    text = _plain(effort)
    is_weekly = _BY_THE_WEEK.search(text) is not None
    rest = _BY_THE_WEEK.sub(" ", text)
    spans = _SPAN.findall(rest)
    rest = _SPAN.sub(" ", rest)
    if len(spans) > 1 or _BY_ANYTHING.search(rest):
        return None
    found = _amount(rest)
    if found is None:
        return None
    if is_weekly:
        weeks = _number(spans[0]) if spans else weeks
        if weeks is None or not 0 < weeks <= MOST_WEEKS:
            return None
        found *= weeks
    return round(found) if SHORTEST <= found <= LONGEST_COURSE else None


def weeks_of(start: datetime | None, end: datetime | None) -> float | None:
    """Return how many weeks a run takes, at least one; None if it has no end or is open for more than a year."""
    if start is None or end is None or end <= start:
        return None
    weeks = max(1, round((end - start).total_seconds() / (7 * 24 * 3600)))
    return weeks if weeks <= MOST_WEEKS else None


def _plain(effort: str) -> str:
    text = unicodedata.normalize("NFKC", effort[:LONGEST_TEXT]).lower()
    return " ".join(_DASHES.sub("-", text).split())


def _amount(text: str) -> float | None:
    """Return the seconds in a text that names one amount of time (``3``, ``1:30``, ``2h 30m``) and no other number."""
    if bare := _BARE.fullmatch(text):
        hours = _middle(bare[1], bare[2])
        return hours * 3600 if hours <= MOST_BARE else None
    clocks, amounts = _CLOCK.findall(text), list(_AMOUNT.finditer(text))
    if any(character.isnumeric() for character in _AMOUNT.sub(" ", _CLOCK.sub(" ", text))):
        return None
    if len(clocks) == 1 and not amounts:
        return int(clocks[0][0]) * 3600 + int(clocks[0][1]) * 60
    units = [3600 if amount[3] else 60 for amount in amounts]
    if clocks or units not in ([3600], [60], [3600, 60]):
        return None
    return sum(_middle(amount[1], amount[2]) * unit for amount, unit in zip(amounts, units, strict=True))


def _middle(first: str, second: str | None) -> float:
    return (_number(first) + _number(second)) / 2 if second else _number(first)


def _number(text: str) -> float:
    return float(text.replace(",", "."))
