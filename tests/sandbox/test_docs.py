"""`docs/sandbox.md` says what the sandbox does."""

from __future__ import annotations

import re
from pathlib import Path

from percipio_sandbox.cli import _parser
from percipio_sandbox.percipio import utc_now
from percipio_sandbox.scenarios.catalog import SCENARIOS
from percipio_sandbox.scenarios.plan import Plan
from percipio_sandbox.scenarios.selection import MEANING

PAGE = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def test_the_table_is_the_catalogue() -> None:
    table = PAGE.partition("<!-- scenarios: begin -->\n")[2].partition("<!-- scenarios: end -->")[0].splitlines()
    rows = []
    for scenario in SCENARIOS.values():
        meaning = "which statements, see below" if scenario.meaning == MEANING else scenario.meaning
        default = f" (`{scenario.argument}`)" if scenario.argument else ""
        cells = f"`{scenario.name}`", scenario.description, scenario.stage.value, meaning + default
        rows.append(f"| {' | '.join(cells)} |")

    assert table[2:] == rows


def test_every_option_is_named() -> None:
    options = set(re.findall(r"--[a-z-]+", _parser().format_help())) - {"--help"}
    named = set(re.findall(r"^\| `(--[a-z-]+)|, `(--[a-z-]+)`", PAGE, re.MULTILINE))

    assert {name for pair in named for name in pair if name} == options


def test_every_example_can_be_put_in_force() -> None:
    examples = re.findall(r"^\| `([a-z]+[^`|]*[:=][^`|]*)` \|", PAGE, re.MULTILINE)

    assert len(examples) == 7
    assert [Plan(text, 0, utc_now).text for text in examples] == examples
