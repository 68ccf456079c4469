"""Writes ``tests/fixtures`` from ``cases``. Read the difference before you commit it: these are the expectations.

DJANGO_SETTINGS_MODULE=tests.settings python tests/unit/statements/write_fixtures.py
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FIXTURES = ROOT / "tests" / "fixtures"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from percipio_openedx.statements.build import build
    from tests.unit.statements.cases import CASES, NOW

    for name, context in CASES.items():
        built = build(context, now=NOW)
        _write(FIXTURES / "statements" / f"{name}.json", built.body)
        if built.track is not None:
            _write(FIXTURES / "track_records" / f"{name}.json", built.track)


def _write(path: Path, body: bytes) -> None:
    path.write_text(json.dumps(json.loads(body), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
