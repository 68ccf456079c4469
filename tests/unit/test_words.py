"""One word, one meaning: names that the house has given up, British spellings, and class names that stand twice."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "percipio_openedx"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "migrations" not in path.parts)

# What is said for them stands in docs/architecture.md.
GIVEN_UP = {
    *("look", "looked", "peek", "put_back", "give_up", "send_again", "telling", "told", "truth", "unsaid", "untold"),
}
BRITISH = re.compile(
    r"(?i)\b\w*(?:behaviour|cancelled\b(?!\(\))|catalogue|centre\b|colour|enrolment|favour|honour|licence|neighbour|"
    r"organis(?:e|ation)|recognis|authoris|normalis|serialis|summaris)\w*"
)
# Every command has a Command, every model and form a Meta.
MANY = {"Command", "Meta"}


def test_no_name_of_the_code_is_one_that_was_given_up() -> None:
    found = set()
    for path in MODULES:
        with path.open(encoding="utf-8") as file:
            names = {token.string for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.NAME}
        found |= {(path.relative_to(PACKAGE).as_posix(), name) for name in names if name.strip("_") in GIVEN_UP}
    assert found == set()


def test_the_spelling_is_american() -> None:
    paths = [*MODULES, *sorted((PACKAGE / "templates").rglob("*.html"))]
    found = {
        (path.relative_to(PACKAGE).as_posix(), match.group())
        for path in paths
        for match in BRITISH.finditer(path.read_text(encoding="utf-8"))
    }
    assert found == set()


def test_no_class_name_stands_twice() -> None:
    names = Counter(
        node.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    )
    assert {name for name, count in names.items() if count > 1} - MANY == set()
