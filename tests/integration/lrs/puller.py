"""A reader of the statement resource, as Percipio would be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from tests.integration.lrs.rows import token_of

PATH = "/percipio/xapi/statements"


class Puller:
    """Asks with the token of an application."""

    def __init__(self, application: Any, authorization: str | None = None) -> None:
        self.headers = {
            "Authorization": authorization or f"Bearer {token_of(application)}",
            "X-Experience-API-Version": "1.0.3",
        }
        self._http = Client(raise_request_exception=True)

    def get(self, query: Any = None, *, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
        """Ask; ``query`` is a mapping, pairs, or the text of a query string."""
        text = query if isinstance(query, str) else urlencode(query or {})
        return self.fetch(f"{PATH}?{text}" if text else PATH, headers=headers, method=method)

    def fetch(self, address: str, *, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
        """Ask at a whole path with its query."""
        return self._http.generic(method, address, headers={**self.headers, **(headers or {})})

    def ids(self, **query: Any) -> list[str]:
        """The ids of the first answer."""
        return [statement["id"] for statement in self.statements(**query)]

    def statements(self, **query: Any) -> list[dict[str, Any]]:
        """The statements of the first answer."""
        response = self.get(query)
        assert response.status_code == 200, response.content
        found: list[dict[str, Any]] = json.loads(response.content)["statements"]
        return found

    def pages(self, **query: Any) -> Iterator[list[str]]:
        """The ids of every page, by following ``more``."""
        response = self.get(query)
        while True:
            assert response.status_code == 200, response.content
            answer = json.loads(response.content)
            yield [statement["id"] for statement in answer["statements"]]
            if not answer["more"]:
                return
            response = self.fetch(answer["more"])
