"""The commands of docs/pull.md do what the page says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from percipio_openedx.lrs.find import LARGEST
from percipio_openedx.lrs.query import MOST, PARAMETERS
from percipio_openedx.settings.common import DEFAULTS
from tests.integration.lrs.rows import SECRET, a_client, add

GUIDE = (Path(__file__).parents[3] / "docs" / "pull.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_every_parameter_and_limit_is_on_the_page() -> None:
    assert [name for name in PARAMETERS if f"`{name}`" not in GUIDE] == []
    assert f"up to {MOST};" in GUIDE
    assert f"passes {LARGEST // 1024 // 1024} MB" in GUIDE
    assert f"{DEFAULTS['PERCIPIO_PULL_RATE'].partition('/')[0]} a minute" in GUIDE


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_the_commands_run(live_server: Any) -> None:
    assert shutil.which("curl"), "curl is needed"
    a_client()
    row = add(1)
    get_token, *questions = COMMANDS
    environment = {
        **os.environ,
        "LMS": live_server.url,
        "CLIENT_ID": "client-percipio",
        "CLIENT_SECRET": SECRET,
        "STATEMENT_ID": str(row.uuid),
    }
    found = []
    for question in questions:
        script = f"set -euo pipefail\n{get_token}\n{question}"
        done = subprocess.run(
            ["bash", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        found.append([each["id"] for each in answer["statements"]] if "statements" in answer else answer["id"])
    assert found == [[str(row.uuid)], [], [], str(row.uuid)]
