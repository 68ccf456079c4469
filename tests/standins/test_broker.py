"""The demo's broker: a folder in which a worker finds whole messages only."""

from __future__ import annotations

import os
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
from kombu import Connection, transport

from demo import broker
from demo.environment import file_broker


def test_a_message_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    replace = os.replace

    def looking(draft: Path, name: Path) -> None:
        with pytest.raises(Empty):
            channel._get("default")
        seen.append(name)
        replace(draft, name)

    monkeypatch.setattr(os, "replace", looking)
    monkeypatch.setattr(transport, "TRANSPORT_ALIASES", dict(transport.TRANSPORT_ALIASES))
    broker.install()
    with Connection("filesystem://localhost/", transport_options=file_broker(tmp_path)) as connection:
        channel: Any = connection.channel()
        assert isinstance(channel, broker.Channel)
        for number in (1, 2):
            channel._put("other", {"number": 0})
            channel._put("default", {"number": number})
            assert channel._get("default") == {"number": number}

    assert len(seen) == 4
