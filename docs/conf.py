"""How the documentation is built: ``make docs``."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent

project = "percipio_openedx"
copyright = "the contributors of percipio_openedx, AGPL-3.0"
_source = (HERE.parent / "percipio_openedx" / "__init__.py").read_text(encoding="utf-8")
release = version = re.findall(r'^__version__ = "([^"]+)"$', _source, re.MULTILINE)[0]

extensions = ["myst_parser", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_reference"]
nitpicky = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "percipio_openedx"
