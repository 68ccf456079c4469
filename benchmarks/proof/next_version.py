"""The next version of the plugin, made from this one by a script: everything that decision record 0010 allows it to be.

It has a migration that adds two columns to every table, an index and a table; it writes into them what the version
before does not know; it has other codes for a hint, for what holds a learner back and for the outcome of a request; and
a second task.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "percipio_openedx"
VERSION = "9.9.0"
MIGRATION = "9000_next_version"
# Codes in rows that only one of the two versions knows.
CODES = (
    ('COMPLETION = "completion"', 'COMPLETION = "unit_completed"'),
    ('NOT_ENROLLED = "not_enrolled"', 'NOT_ENROLLED = "no_enrollment"'),
    ('ACCEPTED = "accepted"', 'ACCEPTED = "taken"'),
)
# The notice is written by plain SQL, which names its columns.
NOTICE = (
    ('("user_id", "course_key", "reason", "noticed_at")', '("user_id", "course_key", "reason", "noticed_at", "maker")'),
    ("VALUES (%s, %s, %s, %s)", "VALUES (%s, %s, %s, %s, 'next')"),
)

_MODELS = """

# --- The next version ---
from percipio_openedx.models import next_version  # noqa: E402, F401
"""

_NEXT_MODELS = '''"""What the next version has more."""

from django.apps import apps
from django.db import models


class NextThing(models.Model):
    """A table that the version before does not know."""

    note = models.CharField(max_length=20)

    class Meta:
        app_label = "percipio_openedx"


for name in {models}:
    model = apps.get_registered_model("percipio_openedx", name)
    models.CharField(max_length=20, default="next"{db_default}).contribute_to_class(model, "maker")
    models.CharField(max_length=20, null=True, default="next").contribute_to_class(model, "remark")
statement = apps.get_registered_model("percipio_openedx", "Statement")
statement._meta.indexes.append(models.Index(fields=["kind", "happened_at"], name="percipio_st_next"))
'''

_MIGRATION = '''"""What the next version adds."""

from django.db import migrations, models

MODELS = {models}


class Migration(migrations.Migration):
    dependencies = [("percipio_openedx", "{head}")]
    operations = [
        *(
            migrations.AddField(name, "maker", models.CharField(max_length=20, default="next"{db_default}))
            for name in MODELS
        ),
        *(
            migrations.AddField(name, "remark", models.CharField(max_length=20, null=True, default="next"))
            for name in MODELS
        ),
        migrations.AddIndex("statement", models.Index(fields=["kind", "happened_at"], name="percipio_st_next")),
        migrations.CreateModel(
            "NextThing",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("note", models.CharField(max_length=20)),
            ],
        ),
    ]
'''

_TASKS = '''

# --- The next version ---
@shared_task(name="percipio_openedx.tasks.of_next_version", ignore_result=True)
def of_next_version(site_id: int) -> None:
    """A task with an argument, which the version before does not know."""
    run_once(budget=BUDGET)
'''


class DoesNotFit(Exception):
    """The script no longer fits the code that it changes: bring it up to date."""


@dataclass(frozen=True)
class _Source:
    package: Path

    def replace(self, old: str, new: str) -> None:
        """Change the one place of the package that reads so.

        Raises:
            DoesNotFit: there is none, or more than one.
        """
        found = [path for path in self.package.rglob("*.py") if old in path.read_text("utf-8")]
        if len(found) != 1 or found[0].read_text("utf-8").count(old) != 1:
            raise DoesNotFit(f"{old!r} stands in {[path.name for path in found]}")
        found[0].write_text(found[0].read_text("utf-8").replace(old, new), "utf-8")

    def append(self, name: str, text: str) -> None:
        """Write it at the end of a module."""
        path = self.package / name
        path.write_text(path.read_text("utf-8") + text, "utf-8")


def make(source: Path, *, against_the_rule: bool = False) -> None:
    """Change a copy of the project into its next version.

    Arguments:
        source: the folder that the package stands in.
        against_the_rule: with a column that is neither nullable nor has a default of the database, which older code
            cannot live with; to see that the harness notices.

    Raises:
        DoesNotFit: the script is older than the code.
    """
    package = source / PACKAGE
    code = _Source(package)
    models = _models(package)
    db_default = "" if against_the_rule else ', db_default="before"'
    head = sorted(path.stem for path in (package / "migrations").glob("0*.py"))[-1]
    for old, new in (*CODES, *NOTICE):
        code.replace(old, new)
    code.append("models/__init__.py", _MODELS)
    code.append("tasks.py", _TASKS)
    (package / "models" / "next_version.py").write_text(_NEXT_MODELS.format(models=models, db_default=db_default))
    migration = _MIGRATION.format(models=models, db_default=db_default, head=head)
    (package / "migrations" / f"{MIGRATION}.py").write_text(migration)
    init = package / "__init__.py"
    init.write_text(re.sub(r'__version__ = "[^"]+"', f'__version__ = "{VERSION}"', init.read_text("utf-8")), "utf-8")


def _models(package: Path) -> list[str]:
    """The names of the models: what ``models`` imports."""
    tree = ast.parse((package / "models" / "__init__.py").read_text("utf-8"))
    found = [alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names]
    if not found:
        raise DoesNotFit("the models are not imported by name")
    return found
