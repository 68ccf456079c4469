"""Shared by the admin pages: permissions, the admin log, and read-only lists of tables too large to count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import F, Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx.operations import sites
from percipio_openedx.operations.labels import Text
from percipio_openedx.redaction import fitted

# Rows that can be paged through; filter or search for older ones.
MAX_ROWS = 10_000


def may(request: HttpRequest, *permissions: str) -> bool:
    """Return whether the operator has all these plugin permissions: Django's for viewing, one per action."""
    return request.user.has_perms([f"percipio_openedx.{name}" for name in permissions])


def demand(request: HttpRequest, *permissions: str) -> None:
    """Raise ``PermissionDenied`` if one of these permissions is missing."""
    if not may(request, *permissions):
        raise PermissionDenied


def permitted(permission: str) -> Callable[[Any, HttpRequest], bool]:
    """Return a model admin's ``has_…_permission`` method for its action of that name."""
    return lambda _admin, request: may(request, permission)


def badge(tone: str, text: Text) -> str:
    """Return a state as a badge in the color of its tone or of the state of that name."""
    return format_html('<span class="percipio-state percipio-{}">{}</span>', tone, text)


def shown_course(key: str, name: str) -> str:
    """Return a course run by its name, with its key as title; by the key where the name is unknown."""
    return format_html('<bdi title="{}">{}</bdi>', key, name or key)


class OperatorAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Plugin pages, and Django's admin log of operators' actions.

    ``pages`` are those besides Django's: the route, the URL's name after ``percipio_openedx_``, the view, and the
    permissions that it takes. The view is a method, or a function of this package (``module.function``) that takes the
    admin first; its module is imported with the first request, so that the LMS starts without what it needs.
    """

    pages: ClassVar[Sequence[tuple[str, ...]]] = ()

    def get_urls(self) -> list[Any]:
        own = [
            path(route, self.page_view(view, permissions), name=f"percipio_openedx_{name}")
            for route, name, view, *permissions in self.pages
        ]
        return [*own, *super().get_urls()]

    def page_view(self, name: str, permissions: Iterable[str]) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, **arguments: Any) -> HttpResponse:
            demand(request, *permissions)
            is_method = "." not in name
            page: Any = getattr(self, name) if is_method else partial(import_string(f"{__package__}.{name}"), self)
            found: HttpResponse = page(request, **arguments)
            return found

        return self.admin_site.admin_view(view)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return Django's list with its rows prepared."""
        found = super().get_changelist_instance(request)
        found.result_list = list(found.result_list)
        self.prepare(found.result_list)
        return found

    def prepare(self, rows: Sequence[Any]) -> None:
        """Give the rows of a list what they show besides their columns, read once for all of them."""
        texts = self.texts_of(rows)
        for row in rows:
            row.texts = texts

    def texts_of(self, rows: Iterable[Any]) -> Mapping[Any, str]:
        """Return texts for a list of these rows, by key: the names of their course runs."""
        return sites.course_names(row.course_key for row in rows) if hasattr(self.model, "course_key") else {}

    def called(self, row: Any) -> str:
        """Return how one row is called on its page: ``Back-fill 7``. What ``str`` says is for logs."""
        return f"{capfirst(self.opts.verbose_name)} {row.pk}"

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Head a row's page with what an operator calls it."""
        if (row := context.get("original")) is not None:
            context["subtitle"] = self.called(row)
        return super().render_change_form(request, context, *args, **kwargs)

    def page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "title": title, "opts": self.opts}
        return TemplateResponse(request, f"admin/percipio_openedx/{template}", {**frame, **context})

    def say(self, request: HttpRequest, text: str, count: int) -> None:
        """Say what was done to how many rows, which is a warning if to none."""
        self.message_user(request, text % {"count": count}, messages.SUCCESS if count else messages.WARNING)

    def log(self, request: HttpRequest, object_id: str | None, name: str, message: str) -> None:
        """Log an action on one row, or on many (``object_id`` None); ``name`` must not be a learner's."""
        user: Any = request.user
        LogEntry.objects.create(
            user_id=user.pk,
            content_type=ContentType.objects.get_for_model(self.model, for_concrete_model=False),
            object_id=object_id,
            object_repr=fitted(name, 200),
            action_flag=CHANGE,
            change_message=fitted(message),
        )

    def log_each(self, request: HttpRequest, rows: Iterable[Model], message: str) -> None:
        """Log the action for each of these rows, so that it shows in each row's history."""
        user: Any = request.user
        LogEntry.objects.log_actions(user.pk, list(rows), CHANGE, message)

    def log_search(self, request: HttpRequest) -> None:
        """Log a search for people; name nobody."""
        self.log(request, None, gettext("learners"), gettext("Searched for learners."))


def bounded_count(rows: QuerySet[Any]) -> int:
    """Return the number of rows, at most ``MAX_ROWS``."""
    # Keys only, unordered, so that any index will do.
    return rows.order_by().values("pk")[:MAX_ROWS].count()


def count_text(count: int) -> str:
    return gettext("%s or more") % count if count >= MAX_ROWS else str(count)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Count at most ``MAX_ROWS`` rows, so that no page walks through millions."""

    @cached_property
    def count(self) -> int:
        return bounded_count(self.object_list) if isinstance(self.object_list, QuerySet) else len(self.object_list)

    def page(self, number: int | str) -> Page[Any]:
        """Read keys, then their rows: sorts a large course's 50,000 statements by index in 30 ms, not 280."""
        page = super().page(number)
        if isinstance(page.object_list, QuerySet) and isinstance(self.object_list, QuerySet):
            page.object_list = self.object_list.filter(pk__in=list(page.object_list.values_list("pk", flat=True)))
        return page


class ReadOnlyAdmin(OperatorAdmin):
    """Rows written by the plugin alone: learners' acts create them, retention and retirement delete them.

    Never counts a whole table: there may be millions of rows. ``site_field`` leads to the number of a row's site.
    """

    site_field = "site_id"

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    ordering: ClassVar[Any] = ("-id",)
    sortable_by: ClassVar[Any] = ()
    paginator: ClassVar[Any] = BoundedPaginator

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows, with each site's domain where the list shows it, also of a destination's site."""
        rows: QuerySet[Any] = super().get_queryset(request)
        if {"site", "where", "course_and_where"} & set(self.list_display):
            domain = Site.objects.filter(pk=OuterRef(self.site_field)).values("domain")[:1]
            rows = rows.annotate(site_domain=Subquery(domain))
        return rows if self.site_field == "site_id" else rows.annotate(site_id=F(self.site_field))

    @admin.display(description=_("Site"), ordering="site_id")
    def site(self, row: Any) -> str:
        """Return the site's name, or its number where the LMS has no such site."""
        return row.site_domain or str(row.site_id)

    @admin.display(description=_("Where"), ordering="site_id")
    def where(self, row: Any) -> str:
        """Return the destination of a row by the names of its site, account and organization."""
        return format_html("<bdi>{}</bdi>", sites.destination_name(row.destination, self.site(row)))

    @admin.display(description=_("Course"))
    def course(self, row: Any) -> str:
        """Return the course's name in a list, and its key as well on the row's own page."""
        key = row.course_key
        if hasattr(row, "texts"):
            return shown_course(key, row.texts.get(key, ""))
        name = sites.course_names([key]).get(key, "")
        return format_html('<bdi>{}</bdi> <bdi class="percipio-quietly" dir="ltr">{}</bdi>', name, key)

    def ask(
        self, request: HttpRequest, title: str, note: str, counts: Iterable[tuple[Text, int]]
    ) -> HttpResponse | None:
        """Return the page that asks whether an action on so many rows of each kind is meant; None if that was said."""
        if "confirmed" in request.POST:
            return None
        context = {
            "note": note,
            "states": [(name, count_text(count)) for name, count in counts if count],
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
        }
        return self.page(request, "confirm.html", title, **context)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission
