"""What was asked of the sandbox: the latest requests, and counts of all of them."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from typing import Any

from percipio_sandbox.routes import Kind

MOST_REQUESTS = 10_000
_NO_ANSWER = "none"


@dataclass(frozen=True)
class SeenRequest:
    """One request to the token endpoint or to the API.

    `headers` has the Authorization masked. `status` is None when no HTTP answer was sent (reset, stall, lost answer).
    `items` counts the statements, records or items in the body, `ids` names the statements and the catalog's items that
    carry an id, in their order.
    """

    received: datetime
    method: str
    path: str
    kind: Kind | None
    headers: Mapping[str, str]
    status: int | None
    items: int
    ids: tuple[str, ...]


def masked(headers: Message) -> dict[str, str]:
    """Return the headers with the credentials taken out of the Authorization."""
    return {
        name: f"{value.partition(' ')[0]} ***" if name.lower() == "authorization" else value
        for name, value in headers.items()
    }


def ids_of(items: list[Any]) -> tuple[str, ...]:
    """Return the ids of the statements, and of the items of the catalog, that have one."""
    named = (item for item in items if isinstance(item, dict))
    # A Track record has a content id, too, which is not its own.
    found = (item.get("id", item.get("content_id") if "url" in item else None) for item in named)
    return tuple(one for one in found if isinstance(one, str))


class Journal:
    """The latest requests, at most `MOST_REQUESTS`, and counts by status and by endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._requests: deque[SeenRequest] = deque(maxlen=MOST_REQUESTS)
            self._by_status: Counter[str] = Counter()
            self._by_endpoint: Counter[str] = Counter()

    def note(self, request: SeenRequest) -> None:
        """Add a request."""
        with self._lock:
            self._requests.append(request)
            self._by_status[_NO_ANSWER if request.status is None else str(request.status)] += 1
            self._by_endpoint["unknown" if request.kind is None else request.kind.value] += 1

    @property
    def requests(self) -> list[SeenRequest]:
        """The latest requests, the oldest of them first."""
        with self._lock:
            return list(self._requests)

    def counts(self) -> dict[str, Any]:
        """Return how many requests came, by status and by endpoint."""
        with self._lock:
            return {
                "total": self._by_status.total(),
                "by_status": dict(sorted(self._by_status.items())),
                "by_endpoint": dict(sorted(self._by_endpoint.items())),
            }
