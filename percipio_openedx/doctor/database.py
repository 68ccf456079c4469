"""The tables."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError, connections, router
from django.db.migrations.exceptions import NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor

from percipio_openedx.doctor.findings import Finding, well, wrong
from percipio_openedx.models.statement import Statement

APP = "percipio_openedx"


def migrations() -> Iterator[Finding]:
    """Whether all of the plugin's migrations are applied."""
    name, mend = "migrations", "Run: manage.py lms migrate percipio_openedx"
    try:
        executor = MigrationExecutor(connections[router.db_for_write(Statement)])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes(APP))
    except (DatabaseError, NodeNotFoundError) as error:
        yield wrong(name, f"cannot be read ({type(error).__name__})", mend)
        return
    missing = [migration.name for migration, _ in plan if migration.app_label == APP]
    yield wrong(name, f"not applied: {', '.join(missing)}", mend) if missing else well(name)
