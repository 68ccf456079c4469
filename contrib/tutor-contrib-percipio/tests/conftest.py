"""A Tutor of its own for each test: nothing of the user's is read or written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

TUTOR = Path(sys.executable).with_name("tutor")


class Rendered:
    """A Tutor root with the plugin enabled, as ``tutor config save`` renders it."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("TUTOR_")},
            "TUTOR_ROOT": str(root),
            "TUTOR_PLUGINS_ROOT": str(folder),
        }

    def tutor(self, *arguments: str, **environment: str) -> str:
        """Run Tutor and return what it prints; its failure fails the test with its words."""
        done = self.attempt(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def attempt(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Tutor, whatever becomes of it."""
        return subprocess.run(
            [str(TUTOR), *arguments],
            env={**self._environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def text(self, path: str) -> str:
        """A rendered file."""
        return (self.root / "env" / path).read_text(encoding="utf-8")

    def yaml(self, path: str) -> Any:
        """A rendered YAML file of one document."""
        return yaml.safe_load(self.text(path))

    def kubernetes(self, path: str, name: str) -> Any:
        """The one object of that name in a rendered file of many."""
        (found,) = [item for item in yaml.safe_load_all(self.text(path)) if item and item["metadata"]["name"] == name]
        return found


@pytest.fixture(scope="session")
def enabled(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The configuration of a Tutor in which the plugin has just been enabled."""
    root, folder = tmp_path_factory.mktemp("enabled"), tmp_path_factory.mktemp("plugins")
    Rendered(root, folder).tutor("plugins", "enable", "percipio")
    return (root / "config.yml").read_text(encoding="utf-8")


@pytest.fixture
def rendered(enabled: str, tmp_path: Path) -> Rendered:
    """A fresh Tutor root with the plugin enabled."""
    root, folder = tmp_path / "root", tmp_path / "plugins"
    root.mkdir()
    folder.mkdir()
    (root / "config.yml").write_text(enabled, encoding="utf-8")
    return Rendered(root, folder)
