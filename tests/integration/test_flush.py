"""The tests' own way to empty the tables leaves what Django's leaves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.db import connection

from tests.integration.builders import a_course, a_learner, enrolled
from tests.plugins import flush

pytestmark = pytest.mark.django_db(transaction=True)


def flushed() -> None:
    call_command("flush", verbosity=0, interactive=False)


def every_row() -> dict[str, list[Any]]:
    """The rows of every table; the numbers of those that Django makes anew do not matter."""
    found = {table: flush._rows(connection.alias, table) for table in flush._filled(connection.alias)}
    found["auth_permission"] = sorted(Permission.objects.values_list("content_type__model", "codename", "name"))
    found["django_content_type"] = sorted(ContentType.objects.values_list("app_label", "model"))
    return found


def in_sql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE django_site SET domain = 'raw.example.com'")
        cursor.execute("DELETE FROM auth_permission")


@pytest.mark.parametrize(
    "change",
    [
        lambda: ContentType.objects.create(app_label="nowhere", model="nothing"),
        lambda: ContentType.objects.filter(app_label="sites").update(model="place"),
        lambda: Permission.objects.filter(codename="view_site").update(name="another"),
        lambda: Permission.objects.filter(codename="view_site").delete(),
        lambda: Site.objects.all().delete(),
        in_sql,
    ],
)
def test_one_table_changed_that_others_refer_to(change: Callable[[], Any]) -> None:
    flush._left.pop(connection.alias, None)
    flush.empty(connection.alias, flushed)
    expected = every_row()
    change()
    assert every_row() != expected
    flush.empty(connection.alias, lambda: pytest.fail("the slow way"))
    assert every_row() == expected


def test_what_is_cached_of_rows_is_forgotten_even_if_the_rows_are_the_same() -> None:
    flush.empty(connection.alias, flushed)
    gone = ContentType.objects.create(app_label="nowhere", model="nothing")
    assert ContentType.objects.get_by_natural_key("nowhere", "nothing") == gone
    ContentType.objects.filter(pk=gone.pk).delete()
    domain = Site.objects.get_current().domain
    Site.objects.get_current().domain = "other.example.com"
    flush.empty(connection.alias, lambda: pytest.fail("the slow way"))
    with pytest.raises(ContentType.DoesNotExist):
        ContentType.objects.get_by_natural_key("nowhere", "nothing")
    assert Site.objects.get_current().domain == domain


def test_it_leaves_what_django_leaves() -> None:
    flush._left.pop(connection.alias, None)
    flush.empty(connection.alias, flushed)
    expected = every_row()
    learner = a_learner()
    enrolled(learner, a_course())
    Site.objects.update(domain="other.example.com")
    Site.objects.create(pk=7, domain="seven.example.com")
    Permission.objects.filter(codename__contains="percipio").delete()
    ContentType.objects.filter(app_label="percipio_openedx").first().delete()  # type: ignore[union-attr]
    assert every_row() != expected
    flush.empty(connection.alias, lambda: pytest.fail("the slow way"))
    assert every_row() == expected
    assert Site.objects.get_current().domain == expected["django_site"][0][1]
