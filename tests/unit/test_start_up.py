"""What a process of the LMS imports when it starts."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

# What no process needs before a learner is looked at or a page is opened.
NOT_AT_START = (
    *("percipio_openedx.delivery", "percipio_openedx.launch", "percipio_openedx.lrs"),
    *("percipio_openedx.catalog.compare", "percipio_openedx.admin.course_runs"),
    "percipio_openedx.reporting.milestones",
    *("percipio_openedx.operations.doctor", "percipio_openedx.operations.metrics"),
    *("percipio_openedx.reporting", "percipio_openedx.admin.overview", "percipio_openedx.admin.setup_pages"),
)


@pytest.mark.slow
def test_an_lms_that_starts_imports_no_more_than_it_needs() -> None:
    """In a process of its own, since this one has used everything."""
    program = (
        "import sys, django\n"
        "from importlib import import_module\n"
        "from django.conf import settings\n"
        "django.setup()\n"
        # As another plugin may do.
        "import percipio_openedx.api\n"
        "import_module(settings.ROOT_URLCONF)\n"
        "print(*[name for name in sys.modules if name.startswith('percipio_openedx')])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(ended.stdout.split())
    assert {"percipio_openedx.capture.notices", "percipio_openedx.api"} <= imported
    assert not imported & set(NOT_AT_START)
    assert [name for name in NOT_AT_START if find_spec(name) is None] == []
