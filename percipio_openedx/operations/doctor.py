"""All checks in order; what needs tables is left out where they are missing."""

from __future__ import annotations

from collections.abc import Iterator

from percipio_openedx.doctor import configuration, database, online, platform, pulls, rows, services
from percipio_openedx.doctor.findings import Finding, Verdict


def examine(*, is_online: bool = False) -> Iterator[Finding]:
    """Every finding, as it is made.

    Arguments:
        is_online: also speak to Percipio: token, a read, an empty write, the clock.
    """
    migrations = list(database.migrations())
    yield from migrations
    yield from configuration.settings()
    yield from platform.signals()
    yield from platform.receivers()
    yield from services.cache_works()
    yield from services.worker_answers()
    if any(found.verdict is Verdict.WRONG for found in migrations):
        return
    yield from database.timeouts()
    yield from database.characters()
    yield from configuration.sites()
    yield from configuration.secrets()
    yield from platform.doors()
    yield from platform.completion()
    yield from platform.routing()
    yield from pulls.clients()
    yield from rows.notices()
    yield from rows.observations()
    yield from rows.destinations()
    yield from rows.statements()
    yield from rows.times()
    yield from rows.learners()
    yield from rows.ungraded_courses()
    yield from online.sites(is_online=is_online)
