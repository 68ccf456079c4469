"""Every link of every page: what is within the project is there, and what is outside has the form of an address.

Pages are whatever is committed as Markdown or reStructuredText. Nothing outside is asked for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
# Pages that are read elsewhere, too (on an index, in a form of the git host), name others by their address there.
OURS = re.compile(r"https://github\.com/openedx/percipio_openedx/(?:blob|tree)/main/")
# What is made here, and what others made: environments, caches, builds.
LEFT_OUT = {"node_modules", "_build", "var", "dist", "build"}


def is_ours(path: Path) -> bool:
    """Whether a file or a folder is part of the project."""
    return path.name == ".github" or not (path.name.startswith(".") or path.name in LEFT_OUT)


def pages(folder: Path) -> Iterator[Path]:
    """The pages of a folder and of those below it."""
    for path in filter(is_ours, folder.iterdir()):
        if path.is_dir():
            yield from pages(path)
        elif path.suffix in {".md", ".rst"}:
            yield path


PAGES = sorted(pages(ROOT))

_CODE = re.compile(r"^ *(```|:::).*?^ *\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"\]\(([^)]*)\)")
_DEFINED = re.compile(r"^\[[^\]]+\]: *(\S+)", re.MULTILINE)
_ANGLE = re.compile(r"<(https?:[^>]*|mailto:[^>]*)>")
_HTML = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=\"([^\"]*)\"")
_BARE = re.compile(r"(?<![\w(<\"=])https?://[^\s)>\"]+")
_RST = re.compile(r"`[^`<]*<([^>`]+)>`_|``((?:docs|tests|contrib|requirements|benchmarks)/[\w./-]+\.\w+)``")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_LOOPBACK = {"127.0.0.1", "localhost"}


def links(path: Path, text: str) -> Iterator[str]:
    """What a page links to, without what stands in code."""
    if path.suffix == ".rst":
        for address, file in _RST.findall(text):
            yield address or f"{'../' * (len(path.relative_to(ROOT).parts) - 1)}{file}"
        return
    text = _CODE.sub("", text)
    yield from (link.partition(' "')[0] for link in _INLINE.findall(text))
    for form in (_DEFINED, _ANGLE, _HTML, _BARE):
        yield from form.findall(text)


def anchors(text: str) -> Counter[str]:
    """The anchors of a page's headings, as MyST and git hosts make them, and how often each stands there."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return Counter(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def mistake(page: Path, link: str) -> str:
    """What is wrong with a link of a page; empty for a right one."""
    try:
        parts = urlsplit(link)
    except ValueError:
        return "is no address"
    if not link or re.search(r"\s", link):
        return "is no address"
    if found := OURS.match(link):
        return mistake(ROOT / "README.md", link[found.end() :])
    if parts.scheme == "mailto":
        return "" if re.fullmatch(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", parts.path) else "is no mail address"
    if parts.scheme:
        return _outside(parts.scheme, parts.hostname or "", link)
    there = (page.parent / parts.path).resolve() if parts.path else page
    if not there.is_relative_to(ROOT) or not there.exists():
        return "leads nowhere"
    if parts.fragment and (there.suffix != ".md" or anchors(there.read_text(encoding="utf-8"))[parts.fragment] != 1):
        return "names a heading that is not there, or there twice"
    return ""


def _outside(scheme: str, host: str, link: str) -> str:
    if host in _LOOPBACK:
        return "" if scheme in {"http", "https"} else "is no web address"
    if scheme != "https":
        return "is not https"
    return "" if _HOST.fullmatch(host) and not re.search(r"[.,;:!?]$|[{}|\\^]|\.\.\.", link) else "is no web address"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    found = links(page, page.read_text(encoding="utf-8"))
    assert [(link, wrong) for link in found if (wrong := mistake(page, link))] == []


def test_pages_of_every_place_are_read() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in PAGES}
    assert {"README.md", "CHANGELOG.rst", "docs/index.md", ".github/SECURITY.md"} <= names
    assert {"contrib/percipio-sandbox/README.md", "docs/decisions/README.md", "benchmarks/README.md"} <= names
    assert len(list(links(ROOT / "README.md", (ROOT / "README.md").read_text(encoding="utf-8")))) > 15


def test_every_page_of_the_documentation_is_linked_from_another() -> None:
    """In the table of contents or within a sentence, on a git host, too: the README leads to each of them."""
    docs = {path for path in PAGES if path.is_relative_to(ROOT / "docs")}
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for link in links(page, page.read_text(encoding="utf-8")):
            if "://" not in link and link.partition("#")[0]:
                waiting.append((page.parent / link.partition("#")[0]).resolve())
    assert docs - reached == set()


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("docs/index.md", ""),
        ("docs", ""),
        ("docs/privacy.md#pseudonyms", ""),
        ("docs/privacy.md#nobody", "names a heading that is not there, or there twice"),
        ("docs/nothing.md", "leads nowhere"),
        ("../outside.md", "leads nowhere"),
        ("https://github.com/openedx/percipio_openedx/blob/main/docs/privacy.md#pseudonyms", ""),
        ("https://github.com/openedx/percipio_openedx/blob/main/docs/nothing.md", "leads nowhere"),
        ("two words", "is no address"),
        ("", "is no address"),
        ("http://[::1", "is no address"),
        ("https://openedx.org/getting-help", ""),
        ("http://openedx.org", "is not https"),
        ("http://127.0.0.1:8765/", ""),
        ("https://openedx", "is no web address"),
        ("https://openedx.org/a.", "is no web address"),
        ("ftp://openedx.org/a", "is not https"),
        ("mailto:security@openedx.org", ""),
        ("mailto:nobody", "is no mail address"),
    ],
)
def test_what_is_taken_for_a_mistake(link: str, wrong: str) -> None:
    assert mistake(ROOT / "README.md", link) == wrong


def test_what_is_taken_for_a_link() -> None:
    text = (
        '[a](b.md) ![c](d.png "title") <https://e.org/f> <img src="g.png"> see https://h.org `[i](j.md)`\n\n[k]: l.md\n'
    )
    assert sorted(links(ROOT / "a.md", text)) == ["b.md", "d.png", "g.png", "https://e.org/f", "https://h.org", "l.md"]
    text = "`Change log <https://a.org>`_ and ``docs/decisions`` and ``docs/index.md``"
    assert list(links(ROOT / "a.rst", text)) == ["https://a.org", "docs/index.md"]
