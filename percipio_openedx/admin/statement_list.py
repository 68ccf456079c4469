"""A page of the list of statements, with the names of learners and sites. Loaded with the first page asked for."""

from __future__ import annotations

from django.contrib.admin.views.main import ChangeList
from django.contrib.sites.models import Site
from django.http import HttpRequest

from percipio_openedx import edx_platform
from percipio_openedx.models.statement import Statement


class NamedChangeList(ChangeList):
    """The list, whose rows know the names to show."""

    def get_results(self, request: HttpRequest) -> None:
        """Rows of the paginator, also where Django would take the whole list; their names are looked up all at once."""
        super().get_results(request)
        shown = self.result_list
        if not self.multi_page:
            shown = self.paginator.page(1).object_list
        elif self.show_all and self.can_show_all:
            shown = self.paginator.object_list
        self.result_list = named(list(shown))


def named(rows: list[Statement]) -> list[Statement]:
    """These rows with ``username`` and ``site_domain``, where they are known. Two queries."""
    learners = edx_platform.learners({row.learner_course.user_id for row in rows})
    domains = dict(Site.objects.filter(pk__in={row.site_id for row in rows}).values_list("pk", "domain"))
    for row in rows:
        learner = learners.get(row.learner_course.user_id)
        row.username = learner.username if learner else ""  # type: ignore[attr-defined]
        row.site_domain = domains.get(row.site_id, "")  # type: ignore[attr-defined]
    return rows
