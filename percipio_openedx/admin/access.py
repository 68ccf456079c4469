"""Who may see and do what: seeing goes by Django's own view permissions, each act by a permission of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.contrib.sites.models import Site
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    # At run time Django's class takes no parameter.
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

APP = "percipio_openedx"

SEND_AGAIN = "requeue_statement"
GIVE_UP = "discard_statement"
EXPORT = "export_statement"
PREVIEW = "preview_statement"
TEST = "test_percipioconfiguration"
TICK_OFF = "tick_off_erasurerequest"


class ReadOnlyAdmin(ModelAdmin):
    """Rows that the plugin alone writes: they can be looked at, and that is all.

    Nothing here counts a whole table: there may be millions of rows.
    """

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows, with the name of each one's site where the list shows it."""
        rows: QuerySet[Any] = super().get_queryset(request)
        if "site" not in self.list_display:
            return rows
        domain = Subquery(Site.objects.filter(pk=OuterRef("site_id")).values("domain")[:1])
        named: QuerySet[Any] = rows.annotate(site_domain=domain)
        return named

    @admin.display(description=_("Site"), ordering="site_id")
    def site(self, row: Any) -> str:
        """Return the site's name; its number where the LMS has no such site (any more)."""
        return getattr(row, "site_domain", None) or str(row.site_id)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: rows come from what learners do."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: what was sent stays as it was sent."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody here: retirement and retention delete."""
        return False


def user_of(request: HttpRequest) -> User:
    """The operator.

    Raises:
        PermissionDenied: nobody is logged in.
    """
    user: User | AnonymousUser = request.user
    if isinstance(user, AnonymousUser):
        raise PermissionDenied
    return user


def may(request: HttpRequest, permission: str) -> bool:
    """Whether the operator has a permission of this app, given by its code name."""
    return request.user.has_perm(f"{APP}.{permission}")


def permitted(permission: str) -> Callable[[Any, HttpRequest], bool]:
    """Return a method ``has_…_permission`` of a model admin for its action of that name."""
    return lambda _admin, request: may(request, permission)


def demand(request: HttpRequest, *permissions: str) -> None:
    """Let only those go on who have every one of these permissions.

    Raises:
        PermissionDenied: one is missing.
    """
    if not all(may(request, permission) for permission in permissions):
        raise PermissionDenied
