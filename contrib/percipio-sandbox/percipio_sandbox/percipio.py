"""The pretend Percipio without faults and without sockets: its rules and its memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from percipio_sandbox.clients import Client, TokenDesk
from percipio_sandbox.messages import Refusal
from percipio_sandbox.recorder import Recorder
from percipio_sandbox.store import ContentStore, Sender, StatementStore, TrackStore

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Rules:
    """What a site may ask of the sandbox beyond its scenario.

    Arguments:
        clients: the known service accounts; none: every id with every secret is one.
        denied: client ids, each with a permission that it lacks.
        token_lifetime: seconds.
        max_batch: statements that one request may hold; None: any number.
        keep: statements and records that stay in memory, the latest of them; None: all.
        record: the file that accepted statements are appended to.
        track_record: the file that accepted Track records are appended to.
        content_record: the file that accepted items of the catalog are appended to.
        journal: the file that all are appended to, with who sent them where and when.
        organizations: those that items may be imported for; none: any.
        known_content_only: whether tracking of content that is not in the catalog is refused.
        clock: returns the present time with its zone.
    """

    clients: Sequence[Client] = ()
    denied: frozenset[tuple[str, str]] = frozenset()
    token_lifetime: int = 36_000
    max_batch: int | None = None
    keep: int | None = None
    record: Path | None = None
    track_record: Path | None = None
    content_record: Path | None = None
    journal: Path | None = None
    organizations: Sequence[str] = ()
    known_content_only: bool = False
    clock: Clock = utc_now


class Percipio:
    """Accounts, catalog, statements and Track records of the pretend Percipio; safe to use from many threads."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.clock = rules.clock
        self._recorder = Recorder(rules.record, rules.track_record, rules.content_record, rules.journal)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything that arrived, tokens included; the files stay as they are."""
        with self._lock:
            self.tokens = TokenDesk(self.rules.clients, self.rules.token_lifetime, self.clock, self.rules.denied)
            self.statements = StatementStore(self.rules.keep)
            self.track = TrackStore(self.rules.keep)
            self.content = ContentStore()

    def store_statements(self, sender: Sender, statements: Iterable[dict[str, Any]]) -> None:
        """Hold statements that were checked, and record those that are new.

        Raises:
            Refusal: see `StatementStore.add`.
        """
        with self._lock:
            self._recorder.write("statement", self.statements.add(sender, statements, self.clock()))

    def store_track(self, sender: Sender, record: dict[str, Any]) -> None:
        """Hold a Track record that was checked, and record it.

        Raises:
            Refusal: see `TrackStore.add`.
        """
        with self._lock:
            self._recorder.write("track", [self.track.add(sender, record, self.clock())])

    def store_content(self, sender: Sender, item: dict[str, Any]) -> None:
        """Hold an item of the catalog that was checked, in place of an earlier one with its id, and record it."""
        with self._lock:
            self._recorder.write("content", [self.content.put(sender, item, self.clock())])

    def has_item(self, partner: str, organization: str | None, item: dict[str, Any]) -> bool:
        """Tell whether the catalog of an organization holds an item with the same id."""
        with self._lock:
            return (partner, organization, item["content_id"]) in self.content.items

    def check_known(self, sender: Sender, contents: Iterable[str]) -> None:
        """Check what is tracked against the catalog, where the site asked for that; an empty text is no content.

        An item is known by its id and, as the activity of a statement may be its address, by its url.

        Raises:
            Refusal: 400 that names what is unknown. (Percipio accepts it, as far as is known, and shows it to nobody.)
        """
        if not self.rules.known_content_only:
            return
        with self._lock:
            unknown = [content for content in contents if content and not self.content.knows(sender, content)]
        if unknown:
            problems = tuple(f"{content!r} is no item of the catalog" for content in dict.fromkeys(unknown))
            raise Refusal(400, "unknown content", problems[:100])

    def counts(self) -> dict[str, Any]:
        """Return what arrived since the start or the last reset, in numbers, ready for JSON."""
        with self._lock:
            statements, track, content = self.statements, self.track, self.content
            return {
                "tokens": {"issued": self.tokens.issued},
                "statements": {
                    "stored": statements.ledger.total,
                    "kept": len(statements.ledger.entries),
                    "repeated": statements.repeated,
                    "by_verb": dict(statements.by_verb.most_common()),
                    "by_partner": dict(statements.by_partner.most_common()),
                    "by_organization": dict(statements.by_organization.most_common()),
                },
                "track": {
                    "stored": track.ledger.total,
                    "kept": len(track.ledger.entries),
                    "out_of_order": track.out_of_order,
                    "by_status": dict(track.by_status.most_common()),
                },
                "content": {
                    "items": len(content.items),
                    "updated": content.updated,
                    "repeated": content.repeated,
                    "by_organization": dict(content.by_organization.most_common()),
                },
            }

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            self._recorder.close()
