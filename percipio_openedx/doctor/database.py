"""The tables."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import DatabaseError, connections, router
from django.db.migrations.exceptions import NodeNotFoundError
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from percipio_openedx.doctor.findings import Finding, doubtful, well, wrong
from percipio_openedx.models.statement import Statement

APP = "percipio_openedx"
# MySQL's and MariaDB's name for UTF-8 as it is; others hold a part of Unicode.
WHOLE = "utf8mb4"


def timeouts() -> Iterator[Finding]:
    """Whether a notice that waits for a locked row in vain would undo the learner's act (MariaDB and MySQL)."""
    connection = connections[router.db_for_write(Statement)]
    if connection.vendor != "mysql":
        return
    name = _("waiting for a lock")
    with connection.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.innodb_rollback_on_timeout")
        (undoes,) = cursor.fetchone()
    if not undoes:
        yield well(name)
        return
    seen = _("innodb_rollback_on_timeout is on: a notice that waits in vain takes the learner's act with it")
    yield doubtful(name, seen, _("Switch it off in the database server's configuration, as it is by default."))


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


def characters() -> Iterator[Finding]:
    """Tables that cannot hold every character, as those of every Open edX were that began before utf8mb4."""
    connection = connections[router.db_for_write(Statement)]
    if connection.vendor != "mysql":
        return
    name = _("characters")
    tables = sorted(model._meta.db_table for model in apps.get_app_config(APP).get_models())
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT table_name, character_set_name FROM information_schema.columns WHERE "
            "table_schema = DATABASE() AND character_set_name NOT IN (%s, 'ascii') AND table_name IN %s "
            "ORDER BY table_name, character_set_name",
            [WHOLE, tables],
        )
        found = [f"{table} ({charset})" for table, charset in cursor.fetchall()]
    if not found:
        yield well(name)
        return
    seen = _("no emoji and no rare characters in %(tables)s; in what Percipio says they are replaced")
    mend = _("Convert these tables, with the LMS's own, to %(charset)s. Nothing is lost until then.")
    yield doubtful(name, seen % {"tables": ", ".join(found)}, mend % {"charset": WHOLE})
