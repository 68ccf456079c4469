"""Find the people named in a request, and mask them in a foreign text. Pure.

A word is masked if it is one of a person's (regardless of accents, case and usual transcriptions), or contains a long
one; short names are not searched inside other words. Ordinary words such as ``not`` or ``mbox`` are masked only as part
of a whole name.
"""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, NamedTuple

MASK: Final = "…"

# Letters from which a word is also found inside another (``user_zebulon9``), or by its beginning where text was cut.
_LONG: Final = 6
_CUT: Final = 4
# Separators between words of a name, and between words masked together.
_BETWEEN: Final = re.compile(r"[\s.,;:@'’\"_+*/\\-]{1,4}")
_CODED: Final = re.compile(r"[A-Za-z0-9+/_-]{6,400}={0,2}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
# Scripts written without blanks (Thai to Myanmar, Khmer, Kana, Han, Hangul): words have no visible end.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)

_LETTERS: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"})
_GERMAN: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})

# Words common in answers: small words, and the members of statements, records and errors.
_ORDINARY_WORDS: Final = """
    a an and any are as at be by can do for from has have in into is it its may must no not of on or so the this that
    to too up was were will with
    account activity actor agent api attachments authority bad body code completed completion content context
    definition detail details duplicate duration email error errors extensions failed failure field format found
    forbidden group homepage http https id ids instructor invalid item items json key language learner limit mailto
    max mbox member message min missing name names null number object objecttype openid organization partner passed
    percentage percipio platform progress raw reason refused registration request required result retry scaled score
    server service sha1sum started statement statements status stored success team timestamp token track type
    unauthorized unknown user users uuid valid value verb version xapi
"""
_ORDINARY: Final = frozenset(_ORDINARY_WORDS.split())


class _Word(NamedTuple):
    start: int
    end: int
    key: str


@dataclass(frozen=True, slots=True)
class Personal:
    """The personal values to search for. Never in a repr.

    Arguments:
        words: masked as a word, and also inside others if long.
        names: several words in a row that are masked together, by the first of them.
        domains: the names that are an address's domain.
        pieces: masked anywhere: scripts without blanks, or text in a wrong encoding.
    """

    words: frozenset[str] = field(default=frozenset(), repr=False)
    names: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict, repr=False)
    domains: frozenset[tuple[str, ...]] = field(default=frozenset(), repr=False)
    pieces: tuple[str, ...] = field(default=(), repr=False)

    @property
    def terms(self) -> frozenset[str]:
        """Return texts of which at least one, regardless of case, occurs in any text that ``masked`` changes."""
        return self.words | set(self.pieces)

    def __bool__(self) -> bool:
        return bool(self.words or self.names or self.pieces)

    def masked(self, text: str) -> str:
        """Return the text with one ``…`` for each run of personal words."""
        if not self:
            return text
        for piece in self.pieces:
            text = text.replace(piece, MASK)
        text = _CODED.sub(self._masked_if_coded, text)
        words = list(_words(text))
        hidden = self._named(text, words)
        for number, word in enumerate(words):
            if self._is_known(word.key) or self._is_cut_off(text, word):
                hidden.add(number)
        return _without(text, [words[number] for number in sorted(hidden)])

    def _is_known(self, key: str) -> bool:
        if key in self.words:
            return True
        return len(key) >= _LONG and key not in _ORDINARY and any(word in key for word in self._long_words())

    def _is_cut_off(self, text: str, word: _Word) -> bool:
        """Whether a word is the beginning of a long one, where a text was cut."""
        if word.end < len(text) and not text.startswith((MASK, ".."), word.end):
            return False
        key = word.key
        return len(key) >= _CUT and key not in _ORDINARY and any(one.startswith(key) for one in self._long_words())

    def _long_words(self) -> Iterator[str]:
        return (word for word in self.words if len(word) >= _LONG)

    def _named(self, text: str, words: list[_Word]) -> set[int]:
        """Return the numbers of the words that together are a name, an address or its domain."""
        found: set[int] = set()
        for first, word in enumerate(words):
            for name in self.names.get(word.key, ()):
                run = words[first : first + len(name)]
                if tuple(one.key for one in run) != name:
                    continue
                if not all(_BETWEEN.fullmatch(text, one.end, two.start) for one, two in pairwise(run)):
                    continue
                # A host within the person's domain identifies a place, not a person.
                if name in self.domains and text[: word.start].endswith(("/", ".")):
                    continue
                found.update(range(first, first + len(name)))
        return found

    def _masked_if_coded(self, match: re.Match[str]) -> str:
        words = (word for plain in _decoded(match[0]) for word in _words(plain))
        return MASK if any(self._is_known(word.key) for word in words) else match[0]


NOBODY: Final = Personal()


def personal(values: Iterable[str]) -> Personal:
    """Prepare names, addresses and account names for searching."""
    words: set[str] = set()
    names: set[tuple[str, ...]] = set()
    domains: set[tuple[str, ...]] = set()
    pieces: set[str] = set()
    given = {unicodedata.normalize("NFC", value).strip() for value in values}
    for value in {form for one in given for form in _written(one)}:
        parts = [word.key for word in _words(value)]
        if not parts:
            continue
        if _UNSPACED.search(value):
            pieces |= {piece for piece in (*value.split(), "".join(value.split())) if len(piece) > 1}
        local, at, domain = value.rpartition("@")
        if at:
            domains.add(tuple(word.key for word in _words(domain)))
            words |= {word.key for word in _words(local)}
        elif not _UUID.fullmatch(value):
            words |= set(parts)
        names.add(tuple(parts))
        words.add("".join(parts))
    pieces |= {piece for one in given for piece in _misread(one)}
    words = {word for word in words if len(word) > 1} - _ORDINARY
    by_first: dict[str, tuple[tuple[str, ...], ...]] = {}
    for name in sorted(names | domains):
        if len(name) > 1:
            by_first[name[0]] = (*by_first.get(name[0], ()), name)
    return Personal(frozenset(words), by_first, frozenset(domains), tuple(sorted(pieces, key=len, reverse=True)))


def personal_of(body: bytes | None) -> Personal:
    """Return the people in a request as sent: the agents of statements, the user of a Track record."""
    return personal(_values(_document(body), 12))


def learner_of(body: bytes | None) -> set[str]:
    """Return the identifiers and the name of the learner of a statement or Track record."""
    document = _document(body)
    if not isinstance(document, dict):
        return set()
    return set(_values({name: document.get(name) for name in ("actor", "user")}, 4))


def _document(body: bytes | None) -> Any:
    with suppress(ValueError, RecursionError):
        return json.loads(body or b"")
    return None


def _values(value: Any, depth: int) -> Iterator[str]:
    """Yield identifiers and names of every agent in a document; a course's name is a language map, not a text."""
    if depth == 0:
        return
    if isinstance(value, list):
        for item in value:
            yield from _values(item, depth - 1)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str) and key in ("name", "mbox", "mbox_sha1sum", "openid", "user"):
                yield item.removeprefix("mailto:")
            else:
                yield from _values(item, depth - 1)


def _written(value: str) -> Iterator[str]:
    """Yield a value as it is, and in transcriptions by writers who lack some of its letters."""
    yield value
    if value.isascii():
        return
    yield unicodedata.normalize("NFKC", value)
    yield value.casefold().translate(_GERMAN)
    yield re.sub(r"[^\x00-\x7f]+", " ", value)
    yield re.sub(r"[^\x00-\x7f]+", "", value)


def _misread(value: str) -> Iterator[str]:
    """Yield words whose UTF-8 was read in another encoding: signs that are not letters."""
    for word in value.split():
        for encoding in ("latin-1", "cp1252"):
            with suppress(UnicodeError):
                if not word.isascii():
                    yield word.encode().decode(encoding)


def _words(text: str) -> Iterator[_Word]:
    start = None
    for place, letter in enumerate(f"{text} "):
        if letter.isalnum() or (start is not None and unicodedata.category(letter)[0] == "M"):
            start = place if start is None else start
        elif start is not None:
            yield _Word(start, place, _key(text[start:place]))
            start = None


def _key(word: str) -> str:
    if word.isascii():
        return word.lower()
    letters = unicodedata.normalize("NFKD", word.casefold().translate(_LETTERS))
    return "".join(letter for letter in letters if unicodedata.category(letter)[0] != "M").casefold()


def _without(text: str, hidden: list[_Word]) -> str:
    """Return the text without these words; adjacent ones become one mask."""
    parts, last = [], 0
    for number, word in enumerate(hidden):
        if not number or not _BETWEEN.fullmatch(text, last, word.start):
            parts += [text[last : word.start], MASK]
        last = word.end
    return "".join([*parts, text[last:]])


def _decoded(text: str) -> Iterator[str]:
    with suppress(ValueError):
        yield bytes.fromhex(text).decode()
    padded = text.rstrip("=")
    padded += "=" * (-len(padded) % 4)
    # ``binascii.Error`` is a ``ValueError``.
    with suppress(ValueError):
        yield base64.b64decode(padded, altchars=b"-_" if set(text) & set("-_") else None).decode()
