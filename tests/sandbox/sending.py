"""A sender for the tests of the sandbox: plain `http.client`, so that nothing hides what the server does."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from percipio_sandbox import Sandbox

VERSION = {"X-Experience-API-Version": "1.0.3"}
CREDENTIALS = {"client_id": "academy", "client_secret": "s3cret", "grant_type": "client_credentials", "scope": "api"}


def statement(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a valid statement whose id is made of a number; a change to None takes a property away."""
    made = {
        "id": str(UUID(int=number)),
        "actor": {"objectType": "Agent", "name": "Ada", "mbox": "mailto:ada@example.com"},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en-US": "completed"}},
        "object": {
            "objectType": "Activity",
            "id": "https://lms.example.com/courses/course-v1:Demo+X+2024",
            "definition": {"name": {"en-US": "Cloud Foundations"}},
        },
        "timestamp": "2024-05-13T14:25:00.000Z",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def statements(count: int, first: int = 1) -> list[dict[str, Any]]:
    """Return valid statements with rising numbers."""
    return [statement(number) for number in range(first, first + count)]


def record(**changes: Any) -> dict[str, Any]:
    """Return a valid Track record; a change to None takes a field away."""
    made = {
        "content_id": "course:Demo+X",
        "user": "ada@example.com",
        "status": "completed",
        "event_date": "2024-05-13T14:25:00Z",
        "completion_percentage": 100,
        "duration_spent": 1200,
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


def item(**changes: Any) -> dict[str, Any]:
    """Return a valid item of the catalog; a change to None takes a field away."""
    made = {
        "content_id": "course:Demo+X",
        "title": "Foundations of Cloud Security",
        "type": "COURSE",
        "duration": 900,
        "language": "en",
        "url": "https://lms.example.com/percipio/launch/course%3ADemo%2BX",
        "description": "What a cloud is, and what can go wrong in it.",
        "tags": ["cloud", "security"],
        "thumbnail_url": "https://lms.example.com/asset/thumb.jpg",
        "author": "Demo Academy",
        **changes,
    }
    return {name: value for name, value in made.items() if value is not None}


@dataclass
class Reply:
    """An HTTP answer, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)


def ask(url: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
    """Send one request on a connection of its own and return the answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


def send_json(url: str, content: Any, headers: dict[str, str] | None = None) -> Reply:
    """POST a value as JSON."""
    return ask(url, "POST", json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})


class Partner:
    """A partner that sends to a sandbox with a token of its own."""

    def __init__(self, sandbox: Sandbox, partner: str = "demo", organization: str | None = None) -> None:
        self.sandbox = sandbox
        self.url = sandbox.statements_url(partner, organization)
        self.track_url = sandbox.track_url(partner, organization)
        self.content_url = sandbox.content_url(partner, organization or "org-1")
        self.headers: dict[str, str] = {}
        self.renew()

    def renew(self, **changes: str) -> None:
        """Fetch a new token."""
        token = send_json(self.sandbox.token_url, {**CREDENTIALS, **changes}).json["access_token"]
        self.headers = {"Authorization": f"Bearer {token}", **VERSION}

    def send(self, content: Any, **headers: str) -> Reply:
        """POST statements."""
        return send_json(self.url, content, {**self.headers, **headers})

    def track(self, content: Any) -> Reply:
        """POST a Track record."""
        return send_json(self.track_url, content, self.headers)

    def offer(self, content: Any, **headers: str) -> Reply:
        """POST an item of the catalog."""
        return send_json(self.content_url, content, {**self.headers, **headers})

    def read(self, query: str = "") -> Reply:
        """GET statements."""
        return ask(self.url + query, headers=self.headers)


def asked_for(port: int, *hosts: str, path: str = "/_sandbox/statements", method: str = "GET") -> int:
    """The status of a request with these Host headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    for host in hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
