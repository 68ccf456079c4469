"""Read from a refusal that Percipio does not know the learner. Pure.

Skillsoft has published no words for it, so they are a setting (``PERCIPIO_UNKNOWN_LEARNER_WORDS``) and are compared
with care: a refusal wrongly taken for this one holds back a learner, one that is missed is parked as ever.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from percipio_openedx.delivery.bodies import parsed
from percipio_openedx.delivery.outcomes import Answer, Judgment
from percipio_openedx.enums import Outcome
from percipio_openedx.redaction import redacted

# Percipio stored nothing for certain. 401 and 403 are about credentials, whose user may be unknown, too.
_REFUSALS = (Outcome.REFUSED, Outcome.NOT_FOUND)
# Other words between two of a phrase: "user … was not found", "user with id 7 does not exist".
_BETWEEN = 3
# A message that names one of these may be about that, and is about nobody.
_OTHER_THINGS = """
    activity app application article assignment asset attribute audience catalog channel claim client collection company
    content course credential customer endpoint enrollment field group header host key lesson license member membership
    org organization page parameter partner path permission property provider registration resource role
    route scope secret server service session site team tenant token url
"""
_OTHERS = frozenset(_OTHER_THINGS.split())
# What is refused may be named beside it ("statement refused: unknown user"), but not in it ("no user event found").
_NOT_AMONG = frozenset(["agent", "api", "event", "item", "object", "record", "statement", "track", "verb", "version"])
# "In this organization", said of a learner, is about the learner.
_WHICH = "the |this |your |our |given |specified "
_WITHIN = re.compile(rf"\b(?:in|of|within|for|under) (?:{_WHICH})*(?:org|organization|tenant|company)s?\b")
_SENTENCE = re.compile(r"[.;!?](?=\s|$)|\n")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BRITISH = re.compile(r"is(?=ed\b|ation)")
_WORD = re.compile(r"[^\W_]+")
# Members of an error that hold messages, without separators and in lower case.
_MESSAGES = (
    *("message", "msg", "error", "errors", "errormessage", "errorcode", "code", "reason", "detail", "details"),
    *("description", "errordescription", "title", "faultstring", "problems"),
)
_DEEPEST, _MOST = 4, 20


def mark(judgment: Judgment, answer: Answer, phrases: Sequence[str]) -> Judgment:
    """Return the judgment with each refusal that calls its learner unknown marked so.

    Only of what was said of a single statement: an answer to a whole batch is about nobody. A 404 that says so is a
    refusal of the statement, not of the address.
    """
    marked = {
        index: replace(verdict, outcome=Outcome.REFUSED, is_unknown_learner=True)
        for index, verdict in judgment.verdicts.items()
        if verdict.outcome in _REFUSALS and is_unknown(_said(verdict.message, answer), phrases)
    }
    return replace(judgment, verdicts=judgment.verdicts | marked) if marked else judgment


def is_unknown(message: str, phrases: Sequence[str]) -> bool:
    """Whether a message says that the learner is unknown: one of the phrases, and no other thing is named.

    The words of a phrase stand in one sentence in their order, with at most three others between two of them, in any
    case, in words or joined (``USER_NOT_FOUND``, ``UserNotFound``).
    """
    sentences = [_WITHIN.sub(" ", " ".join(_words(text))).split() for text in _SENTENCE.split(message[:2000])]
    if any(_OTHERS & {word, word.removesuffix("s")} for said in sentences for word in said):
        return False
    sought = [words for phrase in phrases if (words := _words(phrase))]
    return any(_holds(said, words) for said in sentences for words in sought)


def _holds(said: Sequence[str], phrase: Sequence[str]) -> bool:
    for start in (number for number, word in enumerate(said) if word == phrase[0]):
        end = _end(said, start, phrase)
        if end is not None and _NOT_AMONG.isdisjoint(said[max(start - 1, 0) : end + 2]):
            return True
    return False


def _end(said: Sequence[str], at: int, phrase: Sequence[str]) -> int | None:
    """Return where the phrase that begins there ends, None if it does not stand there."""
    for word in phrase[1:]:
        near = said[at + 1 : at + 2 + _BETWEEN]
        if word not in near:
            return None
        at += 1 + near.index(word)
    return at


def _words(text: str) -> list[str]:
    """Return the words in lower case and one spelling: ``can't`` and ``cannot`` are two, as in ``does not exist``."""
    plain = _BRITISH.sub("iz", _CAMEL.sub(" ", text).casefold().replace("’", "'"))
    return _WORD.findall(plain.replace("cannot", "can not").replace("n't", " not"))


def _said(message: str, answer: Answer) -> str:
    """Return what to compare: of an error in JSON its messages alone, since the names of its members are no words.

    Masked as what is stored, so that no name is taken for a word of the message.
    """
    body = None if answer.status == 207 else parsed(answer.body)
    texts = [text for text, _ in zip(_messages(body, 0), range(_MOST), strict=False)] if isinstance(body, dict) else []
    if not texts:
        return message
    return answer.personal.masked(redacted(". ".join(texts), answer.personal))


def _messages(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth < _DEEPEST and isinstance(value, list):
        for item in value[:_MOST]:
            yield from _messages(item, depth + 1)
    elif depth < _DEEPEST and isinstance(value, Mapping):
        for name, inner in value.items():
            if _plain(name) in _MESSAGES:
                yield from _messages(inner, depth + 1)


def _plain(name: str) -> str:
    return "".join(_WORD.findall(name[:40].lower()))
