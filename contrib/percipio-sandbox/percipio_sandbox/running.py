"""A sandbox as a Python object, for tests: `with Sandbox() as sandbox: ...`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

from percipio_sandbox.application import Application
from percipio_sandbox.clients import Client, denials
from percipio_sandbox.control import state_of
from percipio_sandbox.journal import SeenRequest
from percipio_sandbox.percipio import Clock, Rules, utc_now
from percipio_sandbox.routes import API_ROOT, TOKEN_PATH, Kind, resource_path
from percipio_sandbox.server import Server
from percipio_sandbox.store import Entry

_POLL = 0.02  # seconds within which a sandbox notices that it is to stop


class Sandbox:
    """A pretend Percipio in a thread of this process, on a port of its own.

    Arguments:
        scenario: what is in force at the start: `NAME[=ARGUMENT][:COUNT]`, several with commas between.
        record: a file to which accepted statements are appended, one JSON line each.
        track_record: a file to which accepted Track records are, likewise.
        content_record: a file to which accepted items of the catalog are, likewise.
        journal: a file to which all are, with who sent them where and when.
        host, port: where it listens; port 0 takes a free one.
        names: further hosts that it is reached by; requests for any other are refused.
        seed: of everything that happens by chance.
        clients: known accounts, `ID:SECRET[:PARTNER[:ORGANIZATION...]]`; none: every id with every secret is one.
        deny: permissions that accounts lack, `ID:CONTENT_IMPORT` or `ID:CONTENT_AGGREGATION`.
        organizations: those that items of the catalog may be imported for; none: any.
        known_content_only: refuse tracking of content that is not in the catalog.
        token_lifetime: seconds.
        max_batch: statements that one request may hold; None: any number.
        keep: statements that stay in memory; None: all.
        latency: seconds that each answer waits.
        tls: certificate and key files (PEM).
        clock: returns the present time with its zone.
        observer: is told each request, before its answer leaves.

    Raises:
        ScenarioError: when the scenario cannot be understood.
        ValueError: when a client or a permission cannot be.
        OSError: when the address or a file cannot be had.
    """

    def __init__(
        self,
        scenario: str = "ok",
        record: str | Path | None = None,
        *,
        track_record: str | Path | None = None,
        content_record: str | Path | None = None,
        journal: str | Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        names: Iterable[str] = (),
        seed: int = 0,
        clients: Iterable[str] = (),
        deny: Iterable[str] = (),
        organizations: Iterable[str] = (),
        known_content_only: bool = False,
        token_lifetime: int = 36_000,
        max_batch: int | None = None,
        keep: int | None = None,
        latency: float = 0.0,
        tls: tuple[Path, Path] | None = None,
        clock: Clock = utc_now,
        observer: Callable[[SeenRequest], None] | None = None,
    ) -> None:
        rules = Rules(
            clients=[Client.parse(text) for text in clients],
            denied=denials(deny),
            organizations=tuple(organizations),
            known_content_only=known_content_only,
            token_lifetime=token_lifetime,
            max_batch=max_batch,
            keep=keep,
            record=None if record is None else Path(record),
            track_record=None if track_record is None else Path(track_record),
            content_record=None if content_record is None else Path(content_record),
            journal=None if journal is None else Path(journal),
            clock=clock,
        )
        self.application = Application(scenario, seed, rules, observer)
        try:
            self._server = Server((host, port), self.application, latency, tls, names)
        except (OSError, OverflowError):  # a port beyond 65535 overflows
            self.application.percipio.close()
            raise
        self._scheme = "http" if tls is None else "https"
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": _POLL},
            name="percipio-sandbox",
            daemon=True,
        )

    def start(self) -> Sandbox:
        """Begin to listen, and return the sandbox."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop, end every connection, close the files; a second call does nothing."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.close_all()
        self.application.percipio.close()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        """The API host: scheme, host and port."""
        host = str(self._server.server_address[0])
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def api_url(self) -> str:
        """The root of the content-aggregation service."""
        return self.url + API_ROOT

    @property
    def token_url(self) -> str:
        """Where tokens are issued."""
        return self.url + TOKEN_PATH

    def statements_url(self, partner: str, organization: str | None = None) -> str:
        """Return the address of a partner's statements, or of those of one of its organizations."""
        return self.url + resource_path(Kind.STATEMENTS, partner, organization)

    def track_url(self, partner: str, organization: str | None = None) -> str:
        """Return the address of a partner's Track API, or of that of one of its organizations."""
        return self.url + resource_path(Kind.TRACK, partner, organization)

    @property
    def entries(self) -> list[Entry]:
        """The statements that are held, with partner, organization and client, in order of arrival."""
        return self.application.percipio.statements.ledger.entries[:]

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The bodies of the statements that are held, in order of arrival."""
        return [entry.body for entry in self.entries]

    @property
    def track_entries(self) -> list[Entry]:
        """The Track records that are held, with partner, organization and client, in order of arrival."""
        return self.application.percipio.track.ledger.entries[:]

    @property
    def track(self) -> list[dict[str, Any]]:
        """The Track records that are held, in order of arrival."""
        return [entry.body for entry in self.track_entries]

    def content_url(self, partner: str, organization: str) -> str:
        """Return the address to which the catalog of one of a partner's organizations is sent."""
        return self.url + resource_path(Kind.CONTENT, partner, organization)

    @property
    def content_entries(self) -> list[Entry]:
        """The items that were accepted, each form of them, with partner, organization and client, as they came."""
        return self.application.percipio.content.ledger.entries[:]

    @property
    def content(self) -> list[dict[str, Any]]:
        """The items of the catalog that are held, the latest form of each, in order of their first arrival."""
        return [entry.body for entry in self.application.percipio.content.items.values()]

    @property
    def requests(self) -> list[SeenRequest]:
        """The latest requests to the token endpoint and the API, in order of arrival."""
        return self.application.journal.requests

    @property
    def state(self) -> dict[str, Any]:
        """What `/_sandbox/state` says."""
        return state_of(self.application)

    def set_scenario(self, scenario: str) -> None:
        """Put other scenarios in force.

        Raises:
            ScenarioError: when the text cannot be understood; what was in force stays so.
        """
        self.application.set_scenario(scenario)

    def reset(self) -> None:
        """Forget all that arrived, tokens included, and start the scenario in force anew."""
        self.application.reset()
