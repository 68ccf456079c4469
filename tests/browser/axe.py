"""What axe-core finds on a page: contrast, names of controls, and the other rules of WCAG 2 (levels A and AA)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.chromium import Browser

# Fetched by `make test-browser`.
AXE = Path(__file__).parents[2] / ".ci" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
FAULTS = """
return axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }).then(found =>
    found.violations.flatMap(rule => rule.nodes.map(one => [rule.id, one.target.join(" "), one.html.slice(0, 160)])));
"""

with_axe = pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: npm ci --prefix .ci/axe")


def faults(browser: Browser) -> list[list[str]]:
    """What keeps some people from using a page: the rule, the element, and its markup."""
    browser.run(AXE.read_text(encoding="utf-8"))
    found: list[list[str]] = browser.run(FAULTS)
    return found
