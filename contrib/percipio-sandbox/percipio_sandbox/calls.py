"""One request on its way through the sandbox, with everything that a scenario may ask about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from percipio_sandbox import content_endpoint, statement_endpoint, token_endpoint, track_endpoint
from percipio_sandbox.clients import bearer_token
from percipio_sandbox.messages import Answer, Incoming, Refusal
from percipio_sandbox.percipio import Percipio
from percipio_sandbox.routes import Kind, Route
from percipio_sandbox.statement_endpoint import Submission

_ENDPOINTS = {
    Kind.TOKEN: token_endpoint.answer,
    Kind.STATEMENTS: statement_endpoint.answer,
    Kind.TRACK: track_endpoint.answer,
    Kind.CONTENT: content_endpoint.answer,
}


@dataclass
class Call:
    """A request, where it goes and the pretend Percipio that it goes to."""

    incoming: Incoming
    route: Route
    percipio: Percipio

    def ordinary(self) -> Answer:
        """Return what a healthy Percipio answers, after doing what the request asks.

        Raises:
            Refusal: when the request breaks a rule.
        """
        return _ENDPOINTS[self.route.kind](self.incoming, self.route, self.percipio)

    @property
    def posts_statements(self) -> bool:
        """Whether the request sends statements."""
        return self.route.kind is Kind.STATEMENTS and self.incoming.method == "POST"

    @cached_property
    def submission(self) -> Submission:
        """The statements that were sent, all checks passed but nothing stored.

        Raises:
            Refusal: when the request breaks a rule.
        """
        return statement_endpoint.admit(self.incoming, self.route, self.percipio)

    def store(self, statements: list[dict[str, Any]]) -> None:
        """Hold some of the submission's statements.

        Raises:
            Refusal: see `StatementStore.add`.
        """
        self.percipio.store_statements(self.submission.sender, statements)

    @cached_property
    def item(self) -> dict[str, Any] | None:
        """The catalog's item that was sent, all checks passed but nothing stored; None in other requests.

        Raises:
            Refusal: when the request breaks a rule.
        """
        if self.route.kind is not Kind.CONTENT or self.incoming.method != "POST":
            return None
        return content_endpoint.admit(self.incoming, self.route, self.percipio)[1]

    @property
    def token(self) -> str:
        """The bearer token of the request, or an empty text."""
        return bearer_token(self.incoming.headers.get("Authorization", ""))

    def items(self) -> list[Any]:
        """Return the statements, records or items in the body, valid or not; none when it cannot be read."""
        if self.incoming.method != "POST" or self.route.kind is Kind.TOKEN:
            return []
        try:
            content = self.incoming.content
        except Refusal:
            return []
        return content if isinstance(content, list) else [content]
