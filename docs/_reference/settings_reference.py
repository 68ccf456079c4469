"""The configuration reference, made from the annotations in ``percipio_openedx/settings/common.py``.

Each setting there stands under a comment in the form of code-annotations: ``.. toggle_name:`` and so on for what is on
or off (OEP-17), ``.. setting_name:`` for all else.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "percipio_openedx"

_FIELD = re.compile(r"\.\. (?:setting|toggle)_(\w+): (.*)")


@dataclass(frozen=True)
class Setting:
    """One setting as its annotation says; ``default`` is Python source."""

    name: str
    default: str
    description: str


def annotations(source: str) -> Iterator[Setting]:
    """The annotated settings, in the order of the file."""
    for block in re.split(r"(?=# \.\. (?:setting|toggle)_name:)", source)[1:]:
        fields: dict[str, str] = {}
        current = ""
        for line in block.splitlines():
            text = line.strip()
            if not text.startswith("#"):
                break
            text = text.removeprefix("#").strip()
            if found := _FIELD.fullmatch(text):
                current, text = found.groups()
                fields[current] = text
            elif current:
                fields[current] += f" {text}"
        yield Setting(fields["name"], fields["default"], fields["description"])


def value_of(path: Path, name: str) -> Any:
    """A literal that a module assigns to a name, without importing the module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return ast.literal_eval(node.value)  # type: ignore[attr-defined]
    raise LookupError(f"{path} assigns no {name}")


def markdown() -> str:
    """The reference: a table of all settings, and a heading for each, so that each can be linked to."""
    fields = {f"PERCIPIO_{name.upper()}" for name in value_of(PACKAGE / "config" / "site.py", "FIELDS")}
    found = list(annotations((PACKAGE / "settings" / "common.py").read_text(encoding="utf-8")))
    table = ["| Setting | Default | In the admin, too |", "| --- | --- | --- |"]
    for setting in found:
        link = f"[{setting.name}](#{setting.name.lower()})"
        default = f"`{setting.default}`" if len(setting.default) < 60 else "a list, see there"
        table.append(f"| {link} | {default} | {'for each site' if setting.name in fields else 'no'} |")
    sections = "\n".join(_section(setting, setting.name in fields) for setting in found)
    return "\n".join(table) + f"\n\n{sections}"


def _section(setting: Setting, in_admin: bool) -> str:
    place = "also in a site's configuration in the admin" if in_admin else "for the whole LMS, in the settings only"
    return f"### {setting.name}\n\nDefault: `{setting.default}`; {place}.\n\n{_shown(setting.description)}\n"


def _shown(text: str) -> str:
    """Names of settings as code; what looks like markup as it is."""
    return re.sub(r"(PERCIPIO_[A-Z_]+|sso:<\w+>|\w+:\w+\+\w+)", r"`\1`", text)
