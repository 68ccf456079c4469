"""What may come through a boundary: every class of exception that the neighbors define, and values of every form."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

# What an exception quotes must be read nowhere: not in a log, a row or a page.
CANARY = "canary-amina@example.com"

_NEIGHBORS = (
    "builtins",
    "openedx.core.djangoapps.content.block_structure.exceptions",
    "xmodule.modulestore.exceptions",
    "xblock.exceptions",
    "xblock.plugin",
    "opaque_keys",
    "pymongo.errors",
    "bson.errors",
    "django.core.exceptions",
    "django.db.utils",
    "django.db.transaction",
    "django.http.response",
    "openedx_filters.exceptions",
    "MySQLdb",
    "celery.exceptions",
)
# They end a process or a generator, or are no failure of what is being done.
_OTHERS = frozenset({"ExceptionGroup", "SoftTimeLimitExceeded", "StopIteration", "StopAsyncIteration"})


def errors() -> dict[str, Exception]:
    """One of each class, by its module and name. Made without ``__init__``, so that some cannot even be printed."""
    return {f"{kind.__module__}.{kind.__name__}": kind.__new__(kind, CANARY) for kind in _classes()}


def _classes() -> Iterator[type[Exception]]:
    for name in _NEIGHBORS:
        for kind in _defined(name):
            if issubclass(kind, Exception) and not issubclass(kind, Warning) and kind.__name__ not in _OTHERS:
                yield kind


def _defined(name: str) -> list[type]:
    try:
        module: ModuleType = import_module(name)
    except ImportError:
        # The driver is installed only where there is a server to drive.
        assert name == "MySQLdb"
        return []
    return [kind for _, kind in inspect.getmembers(module, inspect.isclass)]


# One of each family, where all of them would take too long.
FEW = (
    "openedx.core.djangoapps.content.block_structure.exceptions.BlockStructureNotFound",
    "xblock.plugin.PluginMissingError",
    "pymongo.errors.AutoReconnect",
    "opaque_keys.InvalidKeyError",
    "django.core.exceptions.ObjectDoesNotExist",
    "django.db.utils.DataError",
    "django.db.utils.OperationalError",
    "MySQLdb.OperationalError",
    "builtins.OSError",
    "builtins.RecursionError",
)

# Texts of every length, script and form, none of which is an id.
TEXTS = {
    "empty": "",
    "blank": " ",
    "one": "x",
    "at the column": "x" * 128,
    "beyond the column": "x" * 129,
    "beyond every column": "x" * 5000,
    "path": "CN=Learners,OU=" + "a" * 200,
    "dot": ".",
    "dots": "..",
    "dots inside": "acme/../other",
    "dots the other way": "acme\\..\\other",
    "address": "amina@example.com",
    "blanks inside": "acme corp",
    "line": "acme\ncorp",
    "nul": "acme\x00",
    "control": "acme\x1b[31m",
    "no-break": "acme\u00a0corp",
    "zero width": "acme\u200bcorp",
    "right to left": "\u202eacme",
    "arabic": "أكاديمية",
    "hebrew": "דָּן",
    "hindi": "काल",
    "thai": "สมศรี",
    "chinese": "北京大学",
    "emoji": "acme😀",
    "family": "👩‍👩‍👧‍👦" * 40,
    "half an emoji": "acme\ud83d",
    "combining": "e" + "\u0301" * 300,
    "noncharacter": "acme\uffff",
    "sql": "'; DROP TABLE x; --",
    "html": "<script>alert(1)</script>",
    "percent": "%2e%2e%2f",
    "query": "a?b#c",
    "number": "0",
}
