"""What the lists have in common: pages of tables too large to count, filters with fixed choices, states in color."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html

from percipio_openedx.operations.words import Words

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

Condition = Q | Callable[[], Q]

# Rows that can be paged through; whoever looks for an older one filters or searches.
MOST = 10_000


class BoundedPaginator(_Paginator):
    """Counts up to ``MOST`` rows and no further, so that no page costs a walk through millions."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, at most ``MOST``."""
        return bounded_count(self.object_list) if isinstance(self.object_list, QuerySet) else len(self.object_list)

    def page(self, number: int | str) -> Page[Any]:
        """Read the keys first, then the rows of these keys alone.

        What has to be sorted is then read from an index: a large course's 50,000 statements in 30 ms instead of 280.
        """
        page = super().page(number)
        if isinstance(page.object_list, QuerySet) and isinstance(self.object_list, QuerySet):
            page.object_list = self.object_list.filter(pk__in=list(page.object_list.values_list("pk", flat=True)))
        return page


def bounded_count(rows: QuerySet[Any]) -> int:
    """Return how many rows there are, at most ``MOST``. By keys alone and in no order, so that any index will do."""
    return rows.order_by().values("pk")[:MOST].count()


def choice_filter(title: Words, parameter: str, choices: Mapping[str, tuple[Words, Condition]]) -> type[ChoiceFilter]:
    """Return a list filter whose choices are known beforehand: to ask a table for them would read all of it.

    Arguments:
        title: what the filter is called.
        parameter: its name in the address of the list.
        choices: by their value in the address, what each is called and which rows it leaves; a condition that needs the
            database or the clock is a function.
    """
    names = {"title": title, "parameter_name": parameter, "known": choices}
    return type("ChoiceFilter", (ChoiceFilter,), names)


class ChoiceFilter(admin.SimpleListFilter):
    """See ``choice_filter``. A value that is no choice filters nothing."""

    known: Mapping[str, tuple[Words, Condition]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return all choices."""
        return [(value, title) for value, (title, _condition) in self.known.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the choice."""
        choice = self.known.get(self.value() or "")
        if choice is None:
            return queryset
        condition = choice[1]
        return queryset.filter(condition() if callable(condition) else condition)


def badge(tone: str, text: str) -> str:
    """Return a state as it is shown, in the color of its tone or of the state of that name."""
    return format_html('<span class="percipio-state percipio-{}">{}</span>', tone, text)
