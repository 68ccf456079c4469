"""What is published: the entry point, the version, and that the wheel holds everything the code reads."""

from __future__ import annotations

import ast
import configparser
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points, metadata, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import percipio_openedx
from percipio_openedx.apps import PercipioOpenedxConfig
from percipio_openedx.event_routing.apps import EventRoutingConfig
from percipio_openedx.settings.common import DEFAULTS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "percipio_openedx"
# They import what may be absent, inside functions: another plugin of the LMS, and the extra.
OPTIONAL = ("edx_platform/", "operations/metrics.py")
# kombu is Celery's. tincan is event-routing-backends'; asking for it by name would choose between its two packages.
THROUGH_OTHERS = {"kombu", "tincan"}
# As in every repository of Open edX.
COMMITLINT = "openedx/.github/.github/workflows/commitlint.yml@master"
SOURCES = ("setup.py", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE.txt", "CHANGELOG.rst")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy so that nothing is left in the checkout."""
    copy = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        shutil.copy(ROOT / name, copy / name)
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, copy / "percipio_openedx", ignore=no_caches)
    shutil.copytree(ROOT / "requirements", copy / "requirements")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", "dist", "."]
    subprocess.run(command, cwd=copy, check=True, capture_output=True, timeout=180)
    (built,) = (copy / "dist").glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_lms_finds_the_plugin_by_its_entry_point() -> None:
    (found,) = [entry for entry in entry_points(group="lms.djangoapp") if entry.name == "percipio_openedx"]
    assert found.load() is PercipioOpenedxConfig


def test_the_cms_does_not_load_the_plugin() -> None:
    assert [entry for entry in entry_points(group="cms.djangoapp") if entry.name == "percipio_openedx"] == []


def test_the_cms_loads_one_small_app_without_models(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt")]
    found = configparser.ConfigParser()
    found.read_string(wheel.read(name).decode())
    assert dict(found["cms.djangoapp"]) == {
        "percipio_event_routing": f"{EventRoutingConfig.__module__}:{EventRoutingConfig.__name__}"
    }
    assert EventRoutingConfig.plugin_app == {}
    assert not (PACKAGE / "event_routing" / "models.py").exists()
    assert not (PACKAGE / "event_routing" / "migrations").exists()


def test_the_version_is_written_in_one_place() -> None:
    assigned = re.compile(r"^__version__\s*=", re.MULTILINE)
    modules = [
        path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py") if assigned.search(path.read_text("utf-8"))
    ]
    assert modules == ["percipio_openedx/__init__.py"]
    for name in ("setup.py", "pyproject.toml", "catalog-info.yaml"):
        assert percipio_openedx.__version__ not in (ROOT / name).read_text("utf-8"), name
    assert metadata("percipio-openedx")["Version"] == percipio_openedx.__version__


def test_the_distributions_have_one_version() -> None:
    assigned = re.compile(r'^__version__ = "([^"]+)"$', re.MULTILINE)
    places = ("contrib/percipio-sandbox/percipio_sandbox", "contrib/tutor-contrib-percipio/tutorpercipio")
    found = {assigned.findall((ROOT / place / "__init__.py").read_text("utf-8"))[0] for place in places}
    assert found == {percipio_openedx.__version__}
    for name in ("percipio-sandbox", "tutor-contrib-percipio"):
        assert 'dynamic = ["version"]' in (ROOT / "contrib" / name / "pyproject.toml").read_text("utf-8")


def test_the_project_has_one_address() -> None:
    files = [ROOT / "setup.py", ROOT / "catalog-info.yaml", *(ROOT / "contrib").glob("*/pyproject.toml")]
    files += [path for path in (ROOT / ".github").rglob("*") if path.suffix in {".md", ".yml"}]
    ours = re.compile(r"https://github\.com/[\w.-]+/percipio[\w.-]*")
    addresses = {path: set(ours.findall(path.read_text("utf-8"))) for path in files}
    assert set().union(*addresses.values()) == {"https://github.com/openedx/percipio_openedx"}
    assert all(addresses[path] for path in files[:4])


def test_an_index_shows_a_readme_whose_links_lead_somewhere(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    links = re.findall(r"\]\(([^)]+)\)", wheel.read(name).decode())
    assert len(links) > 10
    assert [link for link in links if not link.startswith(("https://", "#"))] == []
    tag = f"/blob/v{percipio_openedx.__version__}/docs/"
    assert any(tag in link for link in links)
    pictures = [link for link in links if link.endswith(".png")]
    assert pictures and all(f"/raw/v{percipio_openedx.__version__}/docs/images/" in link for link in pictures)


def test_the_tutor_plugin_takes_every_setting() -> None:
    """Its own tests say so as well, where Tutor is; a setting that is added here is missed here."""
    tree = ast.parse((ROOT / "contrib/tutor-contrib-percipio/tutorpercipio/values.py").read_text("utf-8"))
    lists = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)]
    names = [name for node in lists for name in ast.literal_eval(node.value)]
    assert sorted(names) == sorted(DEFAULTS)


def test_what_runs_in_workflows_is_pinned_and_exists() -> None:
    """By commit or major version. ``release/v1`` is how PyPA's own action is to be named (its documentation)."""
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        text = path.read_text("utf-8")
        loose = [
            used
            for used in re.findall(r"uses: (\S+)", text)
            if not re.search(r"@([0-9a-f]{40}|v\d+)$", used)
            and used not in {"pypa/gh-action-pypi-publish@release/v1", COMMITLINT}
        ]
        assert loose == [], path.name
        assert "\npermissions:\n" in text, path.name
        assert set(re.findall(r"run: make ([\w-]+)", text)) <= targets, path.name
        assert [
            script for script in re.findall(r"run: (?:bash )?(\.ci/\w+)", text) if not (ROOT / script).is_file()
        ] == []


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in {".pyc", ".po"} and "__pycache__" not in path.parts
    }
    packed = {name for name in wheel.namelist() if name.startswith("percipio_openedx/")}
    assert ours - packed == set()
    assert "percipio_openedx/py.typed" in packed
    assert "percipio_openedx/migrations/0001_initial.py" in packed


def test_the_wheel_holds_the_package_alone(wheel: zipfile.ZipFile) -> None:
    assert {name.partition("/")[0].partition("-")[0] for name in wheel.namelist()} == {"percipio_openedx"}


def test_the_wheel_asks_for_the_loose_requirements(wheel: zipfile.ZipFile) -> None:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    lines = wheel.read(name).decode().splitlines()
    asked = [Requirement(line.removeprefix("Requires-Dist: ")) for line in lines if line.startswith("Requires-Dist")]
    runtime = {requirement.name for requirement in asked if requirement.marker is None}
    extra = {requirement.name for requirement in asked if requirement.marker is not None}
    assert runtime == _names("base.in")
    assert extra == _names("metrics.in")


@pytest.mark.parametrize("release", ["ulmo", "verawood"])
def test_the_compiled_requirements_agree_with_the_release(release: str) -> None:
    wanted = _requirements(f"constraints-{release}.txt")
    for path in sorted((ROOT / "requirements" / release).glob("*.txt")):
        pinned = _requirements(f"{release}/{path.name}")
        wrong = [
            name for name in wanted.keys() & pinned.keys() if not wanted[name].specifier.contains(_pin(pinned[name]))
        ]
        assert wrong == [], path.name


@pytest.mark.parametrize("release", ["ulmo", "verawood"])
def test_the_compiled_requirements_name_no_index_and_no_folder(release: str) -> None:
    for path in sorted((ROOT / "requirements" / release).glob("*.txt")):
        text = path.read_text("utf-8")
        assert re.findall(r"https?://|file:/|find-links|index-url|trusted-host|@ /", text) == [], path.name


@pytest.mark.parametrize("release", ["ulmo", "verawood"])
def test_the_requirements_of_a_release_hold_one_version_of_a_package(release: str) -> None:
    every = {name: _pin(pin) for name, pin in _requirements(f"{release}/dev.txt").items()}
    for path in sorted((ROOT / "requirements" / release).glob("*.txt")):
        pinned = {name: _pin(pin) for name, pin in _requirements(f"{release}/{path.name}").items()}
        assert pinned.items() <= every.items(), path.name


@pytest.mark.parametrize("release", ["ulmo", "verawood"])
def test_what_an_lms_installs_is_known_by_its_hash(release: str) -> None:
    """`pip install --require-hashes --no-deps -r` takes no other file, and misses nothing that is asked for."""
    text = (ROOT / "requirements" / release / "base.txt").read_text("utf-8")
    pins = re.findall(r"^[\w.-]+==\S+.*\n(?: .*\n)*", text, re.MULTILINE)
    assert {name.lower() for name in _names("base.in")} <= _requirements(f"{release}/base.txt").keys()
    assert len(pins) == len(_requirements(f"{release}/base.txt")) > 60
    hashed = re.compile(r"\S+==\S+ \\\n(?: {4}--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+ {4}# via .*\n")
    assert [pin for pin in pins if not hashed.fullmatch(pin)] == []


def test_what_the_code_imports_is_what_it_asks_for() -> None:
    asked = {name.lower() for name in _names("base.in")}
    distributions = packages_distributions()
    imported = {
        module: {name.lower() for name in distributions.get(module, [])}
        for path in PACKAGE.rglob("*.py")
        if not path.relative_to(PACKAGE).as_posix().startswith(OPTIONAL)
        for module in _imported_roots(path)
        if module not in sys.stdlib_module_names
    }
    missing = {module for module, names in imported.items() if not names & asked}
    assert missing - {"percipio_openedx"} == THROUGH_OTHERS


def _imported_roots(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def _names(file: str) -> set[str]:
    return {requirement.name for requirement in _parsed(file)}


def _requirements(file: str) -> dict[str, Requirement]:
    return {requirement.name.lower().replace("_", "-"): requirement for requirement in _parsed(file)}


def _parsed(file: str) -> list[Requirement]:
    lines = (ROOT / "requirements" / file).read_text("utf-8").splitlines()
    stripped = (line.partition("#")[0].removesuffix("\\").strip() for line in lines)
    return [Requirement(line) for line in stripped if line and not line.startswith("-")]


def _pin(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    return specifier.version
