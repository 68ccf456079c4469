"""The packages whose names are imported with their first use: what they offer is what type checkers are told."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

PACKAGES = ("percipio_openedx.config", "percipio_openedx.edx_platform")
# What no process of the LMS needs before a learner is looked at or a page is opened.
NOT_AT_START = (
    *(
        "percipio_openedx.config.site",
        "percipio_openedx.data",
        "percipio_openedx.delivery",
        "percipio_openedx.operations.doctor",
    ),
    *(
        "percipio_openedx.lrs",
        "percipio_openedx.operations.metrics",
        "percipio_openedx.milestones",
        "percipio_openedx.observation",
    ),
    *(
        "percipio_openedx.reporting",
        "percipio_openedx.admin.configuration_form",
        "percipio_openedx.edx_platform.accounts",
    ),
)


def _promised(package: str) -> dict[str, str]:
    """The names that the stub promises, each with its module."""
    stub = Path(str(import_module(package).__file__)).with_suffix(".pyi")
    return {
        alias.name: str(node.module)
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_each_name_that_type_checkers_see_is_there(package: str) -> None:
    for name, home in _promised(package).items():
        assert getattr(import_module(package), name) is getattr(import_module(home), name)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_is_that_of_a_module(package: str) -> None:
    folder = Path(str(import_module(package).__file__)).parent
    assert not {path.stem for path in folder.glob("*.py")} & set(_promised(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_another_name_is_an_attribute_error(package: str) -> None:
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nothing'"):
        _ = import_module(package).nothing


def test_an_lms_that_starts_imports_no_more_than_it_needs() -> None:
    """In a process of its own, since this one has used everything."""
    program = (
        "import sys, django\n"
        "from importlib import import_module\n"
        "from django.conf import settings\n"
        "django.setup()\n"
        "import_module(settings.ROOT_URLCONF)\n"
        "print(*[name for name in sys.modules if name.startswith('percipio_openedx')])\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    imported = set(ended.stdout.split())
    assert "percipio_openedx.capture.receivers" in imported
    assert not imported & set(NOT_AT_START)
