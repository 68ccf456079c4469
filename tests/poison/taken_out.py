"""A boundary taken out: what shows that the harness would notice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any
from unittest import mock

from percipio_openedx.bulkheads import Boundary, bulkhead
from tests.unit.test_architecture import PACKAGE, is_broad


@contextmanager
def without_bulkhead(boundary: Boundary) -> Iterator[None]:
    """No bulkhead stands at this boundary."""
    leave = bulkhead.__exit__

    def leaving(
        self: bulkhead, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        return False if self.boundary is boundary else leave(self, kind, error, trace)

    with mock.patch.object(bulkhead, "__exit__", leaving):
        yield


@contextmanager
def without_handler(path: str, number: int) -> Iterator[None]:
    """A broad handler of a module raises what it catches.

    Arguments:
        path: of the module, in the package.
        number: of the handler in it, from 0.
    """
    source = PACKAGE / path
    tree = ast.parse(source.read_text(encoding="utf-8"))
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and is_broad(node)]
    handler = handlers[number]
    handler.body = [ast.copy_location(ast.Raise(), handler)]
    owner = next(
        node
        for node in reversed(list(ast.walk(tree)))
        if isinstance(node, ast.FunctionDef) and any(inner is handler for inner in ast.walk(node))
    )
    name, code = _found(compile(ast.fix_missing_locations(tree), str(source), "exec"), owner.name, owner.lineno)
    function = _function(path, name)
    before = function.__code__
    function.__code__ = code
    try:
        yield
    finally:
        function.__code__ = before


def _found(code: CodeType, name: str, line: int) -> tuple[str, CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            if inner.co_name == name and abs(inner.co_firstlineno - line) <= 3:
                return inner.co_qualname, inner
            try:
                return _found(inner, name, line)
            except LookupError:
                continue
    raise LookupError(name)


def _function(path: str, name: str) -> Any:
    """The function itself, beneath what decorates it."""
    found: Any = import_module(f"percipio_openedx.{Path(path).with_suffix('').as_posix().replace('/', '.')}")
    for part in name.split("."):
        found = getattr(found, part)
    return getattr(found, "__wrapped__", found)
