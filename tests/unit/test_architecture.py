"""The rules of the house that a reader of one file cannot see."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "percipio_openedx"
SANDBOX = ROOT / "contrib" / "percipio-sandbox" / "percipio_sandbox"
PLATFORM = frozenset({"cms", "common", "lms", "openedx", "xmodule"})

# The handlers of everything, by module: the receiver must never hurt the learner's request, the delivery must never
# lose a row to a surprise, and a course can raise anything. Nowhere else.
BROAD_EXCEPTS = {
    "capture/wake.py": 1,
    "delivery/dispatcher.py": 2,
    "delivery/sender.py": 1,
    "edx_platform/door.py": 1,
}
# Where items are set aside (``bulkheads.py``): by module, the boundaries that docs/architecture.md names.
BULKHEADS = {
    "catalog/compare.py": ["ROW"],
    "catalog/completions.py": ["COURSE", "LEARNER"],
    "catalog/push.py": ["STEP"],
    "catalog/send.py": ["ROW"],
    "reporting/course_progress.py": ["PROGRESS", "PROGRESS", "PROGRESS"],
    "reporting/progress.py": ["PROGRESS"],
    "operations/backfill.py": ["COURSE", "LEARNER"],
    "operations/retention.py": ["LEARNER"],
    "operations/sweep.py": ["LEARNER"],
    "operations/walk.py": ["COURSE", "LEARNER", "LEARNER", "STEP"],
    "reporting/due.py": ["COURSE", "LEARNER", "LEARNER", "STEP"],
    "reporting/failures.py": ["ROW"],
    "reporting/findings.py": ["NAME"],
    "reporting/observe.py": ["LEARNER", "STATEMENT", "STATEMENT"],
    "reporting/rebuild.py": ["COURSE", "LEARNER", "ROW", "STATEMENT"],
    "reporting/store.py": ["ROW", "ROW"],
    "operations/run.py": ["STEP"],
}


def modules(folder: Path = PACKAGE) -> Iterator[tuple[str, ast.Module]]:
    """Yield every module of the package, as its path in the package and its syntax tree."""
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder if folder == SANDBOX else PACKAGE).as_posix()
        if not name.startswith("migrations/"):
            yield name, parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a module; many tests ask for the same ones."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported_roots(tree: ast.Module) -> Iterator[str]:
    """Yield the top-level package of every absolute import, also of those inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def is_broad(handler: ast.ExceptHandler) -> bool:
    """Whether an except clause catches everything: bare, Exception or BaseException, alone or in a tuple."""
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException") for kind in kinds)


def calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a plain name, such as ``print(...)``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            yield node


def test_imports_run_one_way() -> None:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_one_package_imports_edx_platform() -> None:
    found = {name for name, tree in modules() if PLATFORM.intersection(imported_roots(tree))}
    assert found
    assert {name.split("/")[0] for name in found} == {"edx_platform"}


def test_edx_platform_is_imported_inside_functions() -> None:
    for _, tree in modules(PACKAGE / "edx_platform"):
        at_the_top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        assert PLATFORM.isdisjoint(imported_roots(at_the_top))


def test_the_sandbox_is_standard_library_only() -> None:
    allowed = sys.stdlib_module_names | {"percipio_sandbox"}
    foreign = {(name, root) for name, tree in modules(SANDBOX) for root in imported_roots(tree) if root not in allowed}
    assert foreign == set()


def test_the_plugin_does_not_know_the_sandbox() -> None:
    assert [name for name, tree in modules() if "percipio_sandbox" in imported_roots(tree)] == []


def test_settings_are_read_in_one_place() -> None:
    found = {
        name
        for name, tree in modules()
        for call in calls(tree, "getattr")
        if call.args and isinstance(call.args[0], ast.Name) and call.args[0].id == "settings"
    }
    # settings/common.py is where the defaults are laid under what the site has set; encryption.py reads the keys
    # of a column that lies beneath config.
    assert found == {"config/values.py", "encryption.py", "settings/common.py"}


def test_only_programs_print() -> None:
    found = {name for name, tree in modules() if any(calls(tree, "print"))}
    assert {name for name in found if not name.startswith("management/commands/")} == set()


def test_broad_excepts_stand_at_the_boundaries_that_are_named() -> None:
    found = {
        name: sum(isinstance(node, ast.ExceptHandler) and is_broad(node) for node in ast.walk(tree))
        for name, tree in modules()
    }
    assert {name: count for name, count in found.items() if count} == BROAD_EXCEPTS


def test_bulkheads_stand_at_the_boundaries_that_are_named() -> None:
    found: dict[str, list[str]] = {}
    for name, tree in modules():
        for call in (*calls(tree, "bulkhead"), *calls(tree, "apart")):
            boundary = call.args[0] if call.args else None
            if isinstance(boundary, ast.Attribute):
                found.setdefault(name, []).append(boundary.attr)
    assert {name: sorted(boundaries) for name, boundaries in found.items()} == BULKHEADS
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [name for name in (*BULKHEADS, *BROAD_EXCEPTS) if f"`{name}`" not in page] == []


@pytest.mark.parametrize("source", ["except:", "except Exception:", "except (ValueError, BaseException) as e:"])
def test_a_broad_except_is_recognised(source: str) -> None:
    tree = ast.parse(f"try:\n    pass\n{source}\n    pass\n")
    assert [is_broad(node) for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)] == [True]


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils.py", "helpers.py", "misc.py", "common_utils.py"}
    assert [name for name, _tree in modules() if Path(name).name in drawers] == []
