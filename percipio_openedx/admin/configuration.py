"""The configuration of each site: its versions, a new version, and a test of the connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from config_models.admin import KeyedConfigurationModelAdmin
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from percipio_openedx import config
from percipio_openedx.admin.access import TEST, ModelAdmin, may
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.secret import StoredSecret

if TYPE_CHECKING:
    _KeyedAdmin = ModelAdmin
else:
    _KeyedAdmin = KeyedConfigurationModelAdmin

SOURCE = "source"
ADD = "admin:percipio_openedx_percipioconfiguration_add"
# The secret's name in the page. The LMS writes the parameters of requests into its tracking log, and masks this one
# there (``common/djangoapps/track/middleware.py`` of edx-platform).
SECRET_NAME = "new_password"  # noqa: S105 - a name


def carried() -> list[str]:
    """What a new version starts from: all of the former one but the secret, which is kept and not carried around."""
    return ["site", "enabled", *(name for name in config.FIELDS if name != "client_secret")]


@admin.register(PercipioConfiguration)
class PercipioConfigurationAdmin(_KeyedAdmin):
    """Versions are added, never changed: who decided what, and when, stays visible."""

    save_as = False

    @property
    def form(self) -> Any:  # type: ignore[override]
        """Imported with its words when a page shows it, as all is that few processes of the LMS need."""
        from percipio_openedx.admin.configuration_form import PercipioConfigurationForm

        return PercipioConfigurationForm

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: a change is a new version, which takes the permission to add."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PercipioConfiguration]:
        """One version is found whether it is the newest or not."""
        match = request.resolver_match
        if match is not None and "object_id" in match.kwargs:
            rows = PercipioConfiguration.objects.with_active_flag()
        else:
            rows = super().get_queryset(request)
        found: QuerySet[PercipioConfiguration] = rows.select_related("site", "changed_by")
        return found

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The columns: never the secret."""
        columns: list[Any] = ["site", "enabled"]
        if self.has_add_permission(request):
            columns.append("edit_link")
        if may(request, TEST):
            columns.append("test_link")
        return [*columns, "secret_state", "region", "partner_name", "client_id", "change_date", "changed_by"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """By question; an old version says of its secret only whether it has one."""
        from percipio_openedx.admin.configuration_choices import FIELDSETS

        fieldsets = [(title, {"fields": list(names)}) for title, names in FIELDSETS]
        if obj is None:
            return fieldsets
        for _title, options in fieldsets:
            options["fields"] = ["secret_state" if name == "client_secret" else name for name in options["fields"]]
        fieldsets[0][1]["fields"] += ["change_date", "changed_by"]
        return fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """An old version as it was, but for the secret."""
        return [] if obj is None else [*carried(), "secret_state", "change_date", "changed_by"]

    @admin.display(description=_("Client secret"))
    def secret_state(self, row: PercipioConfiguration) -> str:
        """Whether there is one, where, and whether it can be used."""
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
    def test_link(self, row: PercipioConfiguration) -> str:
        """The page from which the connection is tested."""
        address = reverse("admin:percipio_openedx_test_connection", args=[row.site_id])
        return format_html('<a href="{}">{}</a>', address, gettext("Test"))

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The newest version of the site, or the one named by ``source``, without its secret."""
        source = request.GET.get(SOURCE, "")
        rows = PercipioConfiguration.objects.all()
        row = rows.filter(pk=source).first() if source.isascii() and source.isdigit() else None
        if row is None:
            return {"site": config.default_site_id(), "enabled": True}
        return {name: getattr(row, f"{name}_id" if name == "site" else name) for name in carried()}

    @method_decorator(sensitive_post_parameters(SECRET_NAME, "client_secret"))
    @sensitive_variables()
    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Past the library's own page, which would put the decrypted row into the request's parameters."""
        return admin.ModelAdmin.add_view(self, request, form_url, extra_context)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Reverting makes a new version, so it takes the permission to add."""
        if not self.has_add_permission(request):
            return {}
        return {"revert": (type(self).revert, "revert", _("Revert to the selected configuration"))}

    @sensitive_variables()
    def revert(self, request: HttpRequest, queryset: QuerySet[PercipioConfiguration]) -> HttpResponse | None:
        """Make the chosen version the newest one, with the secret that is stored now.

        Where it takes another secret, or none that can be read is stored, the form opens with that version, and the
        secret has to be typed.
        """
        from percipio_openedx.admin.configuration_form import kept_secret

        chosen = list(queryset.values_list("pk", flat=True)[:2])
        if len(chosen) != 1:
            self.message_user(request, gettext("Please select a single configuration to revert to."), messages.ERROR)
            return None
        target = PercipioConfiguration.objects.get(pk=chosen[0])
        secret = kept_secret(PercipioConfiguration.newest(target.site_id), target)
        if target.client_id and target.enabled and not (secret and secret.is_readable):
            words = gettext("The secret of that version is not kept any more: type it here, and save.")
            self.message_user(request, words, messages.WARNING)
            return redirect(f"{reverse(ADD)}?{urlencode({SOURCE: target.pk})}")
        target.client_secret = secret
        self.save_model(request, target, None, False)
        self.log_addition(request, target, gettext("Reverted to version %(pk)s.") % {"pk": chosen[0]})
        self.message_user(request, gettext("Reverted configuration."), messages.SUCCESS)
        return None

    def get_urls(self) -> list[Any]:
        """The test of the connection, beside Django's own pages."""
        test = path(
            "<int:site_id>/test/",
            self.admin_site.admin_view(self.test_view),
            name="percipio_openedx_test_connection",
        )
        return [test, *super().get_urls()]

    def test_view(self, request: HttpRequest, site_id: int) -> HttpResponse:
        """See ``connection``; imported when it is opened, for the LMS starts without the pages and what they need."""
        from percipio_openedx.admin.connection import test_connection

        return test_connection(self, request, site_id)
