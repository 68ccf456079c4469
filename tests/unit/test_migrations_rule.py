"""Workers of two versions run beside each other during an upgrade: a migration only adds (decision record 0010)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.models.fields import NOT_PROVIDED

APP = "percipio_openedx"
# Nothing was released before it, so no older worker can run beside these.
FIRST_RELEASE = "0001_initial"
HARMLESS = (
    migrations.CreateModel,
    migrations.AddIndex,
    migrations.AlterModelOptions,
    migrations.AlterModelManagers,
)
# What takes something away that the release before this one does not use any more: the migration and the operation,
# as ``describe()`` names it, with the release that stopped using it.
REMOVED_LATER: dict[tuple[str, str], str] = {}


def troubles(operations: list[Operation], name: str = "") -> Iterator[str]:
    """The operations that a worker of the version before could not live with."""
    for operation in operations:
        said = operation.describe()
        if isinstance(operation, HARMLESS) or (name, said) in REMOVED_LATER:
            continue
        if isinstance(operation, migrations.AddField) and not operation.field.many_to_many:
            if operation.field.null or operation.field.db_default is not NOT_PROVIDED:
                continue
            said += ": older code inserts no value, so it must be nullable or have a db_default"
        yield said


def test_migrations_only_add() -> None:
    found = MigrationLoader(None).disk_migrations
    later = {name: one for (app, name), one in found.items() if app == APP and name > FIRST_RELEASE}
    assert {name: list(troubles(one.operations, name)) for name, one in later.items()} == {name: [] for name in later}
    assert (APP, FIRST_RELEASE) in found


@pytest.mark.parametrize(
    ("operation", "is_right"),
    [
        (migrations.AddField("notice", "x", models.TextField(null=True)), True),
        (migrations.AddField("notice", "x", models.CharField(max_length=1, db_default="")), True),
        (migrations.AddField("notice", "x", models.CharField(max_length=1, default="")), False),
        (migrations.AddField("notice", "x", models.ManyToManyField("auth.User")), False),
        (migrations.AddIndex("notice", models.Index(fields=["user_id"], name="x")), True),
        (migrations.AddConstraint("notice", models.UniqueConstraint(fields=["user_id"], name="x")), False),
        (migrations.RemoveField("notice", "reason"), False),
        (migrations.RenameField("notice", "reason", "why"), False),
        (migrations.AlterField("notice", "reason", models.TextField()), False),
        (migrations.DeleteModel("Notice"), False),
        (migrations.RunPython(migrations.RunPython.noop), False),
        (migrations.RunSQL("SELECT 1"), False),
    ],
)
def test_the_rule_knows_right_from_wrong(operation: Operation, is_right: bool) -> None:
    assert (list(troubles([operation])) == []) is is_right
