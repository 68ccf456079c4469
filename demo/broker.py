"""Kombu's broker that is a folder, but nobody finds a message in it that is not whole yet.

Kombu makes the file and then writes it, and a worker that looks in between dies of the empty message.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu import transport
from kombu.transport import filesystem
from kombu.utils.json import dumps


class Channel(filesystem.Channel):  # type: ignore[misc]
    """Writes under a name that no queue has, then renames in one step."""

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        folder, name = Path(self.data_folder_out), str(uuid4())
        draft = folder / f"{name}.new"
        draft.write_text(dumps(payload), encoding="utf-8")
        # Messages are taken in the order of their names.
        os.replace(draft, folder / f"{round(time.monotonic() * 1000)}_{name}.{queue}.msg")


class Transport(filesystem.Transport):  # type: ignore[misc]
    """As kombu's, with these channels."""

    Channel = Channel


def install() -> None:
    """Let ``filesystem://`` mean this one."""
    transport.TRANSPORT_ALIASES["filesystem"] = f"{__name__}:{Transport.__name__}"
