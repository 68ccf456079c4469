"""The configurations of sites and of their accounts: versions, a new version, and the connection check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, ClassVar

from config_models.admin import KeyedConfigurationModelAdmin
from django.contrib import admin, messages
from django.contrib.sites.models import Site
from django.db import transaction
from django.db.models import QuerySet
from django.forms import model_to_dict
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from percipio_openedx import config
from percipio_openedx.admin.base import OperatorAdmin, may
from percipio_openedx.admin.configuration_form import SECRET_NAME, SITE_ID, AccountForm, PercipioConfigurationForm
from percipio_openedx.admin.labels import ACCOUNT_FIELDSETS, FIELDSETS
from percipio_openedx.admin.meaning import backfill_offer, changes_reports, meaning, raw_values, tested
from percipio_openedx.encryption import StoredSecret
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.configuration import Account, AccountColumns, PercipioConfiguration
from percipio_openedx.operations import sites

# The query parameters of the form that name the version to start from, and the site that is being set up.
SOURCE, SETUP = "source", "setup"


@admin.register(PercipioConfiguration)
class PercipioConfigurationAdmin(OperatorAdmin, KeyedConfigurationModelAdmin):  # type: ignore[misc]
    """Versions are added, never changed, so that every decision stays on record."""

    form: type[PercipioConfigurationForm] = PercipioConfigurationForm
    # Of accounts, too: without its hidden fields nothing that changes reports could be saved.
    change_form_template = "admin/percipio_openedx/percipioconfiguration/change_form.html"
    fieldsets_of: Any = FIELDSETS
    own_columns: tuple[str, ...] = ()
    test_page, test_permission = "test_connection", "test_percipioconfiguration"
    save_as = False
    actions = ("revert",)
    pages: ClassVar[Any] = (
        ("<int:site_id>/test/", test_page, "test_view", test_permission),
        ("setup/", "setup", "setup_pages.every_site", "view_percipioconfiguration"),
        ("<int:site_id>/setup/", "site_setup", "setup_pages.one_site", "view_percipioconfiguration"),
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deny: a change is a new version and needs the add permission."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Include old versions when a single one is opened."""
        match = request.resolver_match
        is_one = match is not None and "object_id" in match.kwargs
        every = self.model.objects.with_active_flag()
        rows: QuerySet[Any] = every if is_one else super().get_queryset(request)
        return rows.select_related("site", "changed_by")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Return the columns, never the secret."""
        columns: list[Any] = ["site", *self.own_columns, "enabled"]
        if self.has_add_permission(request):
            columns.append("edit_link")
        if may(request, self.test_permission):
            columns.append("test_link")
        return [*columns, "secret_state", "region", "partner_name", "client_id", "change_date", "changed_by"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Group by topic; an old version shows only whether it has a secret."""
        fieldsets = [(title, {"fields": list(names)}) for title, names in self.fieldsets_of]
        if obj is not None:
            for _title, options in fieldsets:
                options["fields"] = ["secret_state" if name == "client_secret" else name for name in options["fields"]]
            fieldsets[0][1]["fields"] += ["change_date", "changed_by"]
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show read-only users the fieldsets; the library would list the secret too."""
        return ()

    @admin.display(description=_("Client secret"))
    def secret_state(self, row: AccountColumns) -> str:
        """Return whether a secret is set, where, and whether it is usable."""
        secret = row.client_secret
        if not row.client_id:
            return gettext("as the setting says")
        if not secret:
            return gettext("not kept: only the newest version has one")
        if not secret.is_readable:
            return gettext("stored, but cannot be decrypted: type it again")
        if isinstance(secret, StoredSecret) and not secret.is_newest:
            return gettext("stored, encrypted with an older key: save the configuration again")
        return gettext("stored, encrypted")

    @admin.display(description=_("Connection"))
    def test_link(self, row: AccountColumns) -> str:
        key = [getattr(row, name) for name in self.model.KEY_FIELDS]
        address = reverse(f"admin:percipio_openedx_{self.test_page}", args=key)
        return format_html('<a href="{}">{}</a>', address, gettext("Test"))

    def called(self, row: Any) -> str:
        return sites.place_name(row.site.domain, getattr(row, "name", ""))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Start from the version named by ``source``, without its secret, or from the default site."""
        source, setup = (request.GET.get(name, "") for name in (SOURCE, SETUP))
        if SITE_ID.fullmatch(source) and (row := self.model.objects.filter(pk=source).first()):
            # Everything but the secret, which is stored and not passed around.
            return model_to_dict(row, [name for name in self.form.Meta.fields if name != "client_secret"])
        if SITE_ID.fullmatch(setup):
            # Switched on at the end, unless it reports by the settings already.
            return {"site": int(setup), "enabled": _reports(int(setup))}
        return {"site": config.default_site_id(), "enabled": True}

    @method_decorator(sensitive_post_parameters(SECRET_NAME, "client_secret"))
    @sensitive_variables()
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Bypass the library's page, which would put the decrypted row into the request's parameters."""
        return admin.ModelAdmin.add_view(self, request, form_url, extra_context)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Show what the typed values mean where the form asks for it; nothing was saved then."""
        shows = context["adminform"].form.shows
        context["meaning"] = None
        if shows is not None:
            # The form's one error says that nothing is saved yet.
            context |= {"errors": [], "meaning": meaning(*shows)}
        return super().render_change_form(request, context, *args, **kwargs)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> HttpResponse:
        """Offer the back-fill where a new version changes what is reported."""
        key = {name: getattr(obj, name) for name in self.model.KEY_FIELDS}
        earlier = self.model.objects.filter(**key, pk__lt=obj.pk)
        if changes_reports(earlier.order_by("-pk").first(), obj):
            self.message_user(request, backfill_offer(self, request, obj.site), messages.INFO)
        response = super().response_add(request, obj, post_url_continue)
        is_set_up = SETUP in request.GET and "_save" in request.POST
        return redirect("admin:percipio_openedx_site_setup", obj.site_id) if is_set_up else response

    # Django's own, which asks for the permissions of each action.
    get_actions = admin.ModelAdmin.get_actions

    @admin.action(description=_("Revert to the selected configuration"), permissions=["add"])
    def revert(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Open the form with that version: what it means is shown there, and its secret typed, as of any other."""
        chosen = list(queryset.values_list("pk", flat=True)[:2])
        if len(chosen) != 1:
            self.message_user(request, gettext("Please select a single configuration to revert to."), messages.ERROR)
            return None
        self.message_user(
            request, gettext("Nothing is saved yet. If this is what you mean, save below."), messages.WARNING
        )
        add = f"admin:percipio_openedx_{self.opts.model_name}_add"
        return redirect(reverse(add, query={SOURCE: chosen[0]}))

    def page_view(self, name: str, permissions: Iterable[str]) -> Callable[..., HttpResponse]:
        """Return a view without the LMS's transaction around each request: it waits for the network."""
        return transaction.non_atomic_requests(super().page_view(name, permissions))

    def test_view(self, request: HttpRequest, **key: Any) -> HttpResponse:
        """Show what would be checked of a site or an account; on POST, check it and show the doctor's results."""
        from percipio_openedx.operations import reach

        site = get_object_or_404(Site, pk=key["site_id"])
        row = self.model(**key).newest_version()
        if row is None and self.model is Account:
            raise Http404
        # Without a row a site has the settings.
        row = row or self.model(site=site, enabled=True)
        name, context = self.called(row), {"row": row, "may_add": self.has_add_permission(request)}
        try:
            configuration = replace(config.build(site.pk, raw_values(row)), account=getattr(row, "name", ""))
            in_force = sites.in_force([site.pk], *sites.rows_with(None))
            context |= {"configuration": configuration, "reach": reach.whom(in_force[site.pk])}
            if request.method == "POST":
                context |= tested(self, request, site, name, configuration)
        except PercipioConfigurationError as error:
            context["problem"] = f"{error.setting} {error.problem}"
        title = gettext("Connection of %(site)s to Percipio") % {"site": name}
        return self.page(request, "connection.html", title, **context)


@admin.register(Account)
class AccountAdmin(PercipioConfigurationAdmin):
    """The accounts of a site, in the order in which they are asked."""

    form = AccountForm
    fieldsets_of = ACCOUNT_FIELDSETS
    own_columns = ("name", "position", "learners")
    test_page, test_permission = "test_account", "test_account"
    ordering = ("site_id", "position", "name")
    pages = (("<int:site_id>/<slug:name>/test/", test_page, "test_view", test_permission),)


def _reports(site_id: int) -> bool:
    with suppress(PercipioConfigurationError):
        return config.for_site(site_id) is not None
    return False
