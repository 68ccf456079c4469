"""The tables."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError, connections, router
from django.db.migrations.exceptions import NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from percipio_openedx.doctor.findings import Finding, well, wrong
from percipio_openedx.models.statement import Statement

APP = "percipio_openedx"


def migrations() -> Iterator[Finding]:
    """Whether all of the plugin's migrations are applied."""
    name, mend = _("migrations"), _("Run: %(command)s") % {"command": "manage.py lms migrate percipio_openedx"}
    try:
        executor = MigrationExecutor(connections[router.db_for_write(Statement)])
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes(APP))
    except (DatabaseError, NodeNotFoundError) as error:
        yield wrong(name, _("cannot be read (%(error)s)") % {"error": type(error).__name__}, mend)
        return
    missing = [migration.name for migration, _backwards in plan if migration.app_label == APP]
    seen = _("not applied: %(migrations)s") % {"migrations": ", ".join(missing)}
    yield wrong(name, seen, mend) if missing else well(name)
