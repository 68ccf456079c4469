"""Write the references of settings and commands into their pages: ``make reference``.

They are committed, so that a page shows them wherever it is read. ``tests/unit/test_docs.py`` holds each equal to the
code.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import commands_reference  # noqa: E402 - beside this file; it imports the package
import settings_reference  # noqa: E402

BEGIN, END = "<!-- begin: written by `make reference` -->", "<!-- end -->"


def written(page: str, reference: str) -> str:
    """Return a page with a reference between its two marks.

    Raises:
        ValueError: a mark is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"The page has no {BEGIN} ... {END}")
    return f"{before}{BEGIN}\n\n{reference}\n{END}{after}"


def main() -> None:
    commands_reference.prepare()
    for name, made in (("configuration", settings_reference.markdown()), ("commands", commands_reference.markdown())):
        path = ROOT / "docs" / f"{name}.md"
        path.write_text(written(path.read_text(encoding="utf-8"), made), encoding="utf-8")


if __name__ == "__main__":
    main()
