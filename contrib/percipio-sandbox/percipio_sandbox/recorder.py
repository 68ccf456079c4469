"""The files of what was accepted: statements, Track records and items by themselves, and a journal of all."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from percipio_sandbox.store import Entry


def iso(moment: datetime) -> str:
    """Return a UTC time as text with microseconds and `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def line_of(kind: str, entry: Entry) -> dict[str, Any]:
    """Return what a line of the journal says about one entry; `kind` is `statement`, `track` or `content`."""
    return {
        "kind": kind,
        "partner": entry.partner,
        "organization": entry.organization,
        "client_id": entry.client_id,
        "received": iso(entry.stored),
        "body": entry.body,
    }


def as_line(content: dict[str, Any]) -> str:
    """Return one JSON line, its end included."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


class Recorder:
    """Appends lines to files and flushes after each request; writes nothing where there is no path.

    Arguments:
        record: each accepted statement, as it is, a JSON line each: what a validator or another store reads.
        track_record: each accepted Track record, likewise.
        content_record: each accepted item of the catalog, likewise.
        journal: all, with who sent them where and when.

    Raises:
        OSError: when a file cannot be opened for appending.
    """

    def __init__(
        self,
        record: Path | None,
        track_record: Path | None = None,
        content_record: Path | None = None,
        journal: Path | None = None,
    ) -> None:
        self._files: dict[str, TextIO] = {}
        try:
            paths = {"statement": record, "track": track_record, "content": content_record, "journal": journal}
            for name, path in paths.items():
                if path is not None:
                    self._files[name] = path.open("a", encoding="utf-8", newline="\n")
        except OSError:
            self.close()
            raise

    def write(self, kind: str, entries: Iterable[Entry]) -> None:
        """Append the entries of one request; `kind` is `statement`, `track` or `content`."""
        accepted = list(entries)
        self._append(kind, [entry.body for entry in accepted])
        self._append("journal", [line_of(kind, entry) for entry in accepted])

    def _append(self, name: str, contents: Iterable[dict[str, Any]]) -> None:
        file = self._files.get(name)
        if file is not None:
            file.write("".join(as_line(content) for content in contents))
            file.flush()

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
