"""Packages whose names are imported with their first use (PEP 562).

Every process of the LMS imports the plugin when it starts, and few of them ever look at a learner or send anything. So
the packages that everything uses name their parts, and load each only for whoever asks for it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def of(package: str, homes: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package.

    Arguments:
        package: its full name.
        homes: for each module in it, the names that the package offers from there. No module may be called as one of
            the names is: the import system would put the module in that name's place.
    """
    home_of = {name: home for home, names in homes.items() for name in names}

    def __getattr__(name: str) -> Any:
        home = home_of.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__
