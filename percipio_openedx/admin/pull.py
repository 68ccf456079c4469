"""Who may pull, and who did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import edx_platform
from percipio_openedx.admin.access import ModelAdmin, ReadOnlyAdmin
from percipio_openedx.admin.labels import LABELS
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.destination import PullAudit, PullClient
from percipio_openedx.settings.common import PULL_SCOPE

if TYPE_CHECKING:
    ModelForm = forms.ModelForm[PullClient]
else:
    ModelForm = forms.ModelForm


class PullClientForm(ModelForm):
    """A client is enabled only when its application can get a token that is any good."""

    class Meta:
        model = PullClient
        fields = ("site", "client_id", "enabled")
        labels = {name: LABELS[name] for name in fields}  # noqa: RUF012 - Django reads it as it is
        help_texts = {  # noqa: RUF012 - Django reads it as it is
            "client_id": format_lazy(
                _(
                    "Of an OAuth2 application of this LMS: confidential, client credentials, with an application "
                    "access with the scope {scope}, and with a user that owns no other application: else its signed "
                    "tokens (JWT) are refused, which do not say which application they are of."
                ),
                scope=PULL_SCOPE,
            ),
            "enabled": _("Whether it may read this site's statements, learners' names and addresses included."),
        }

    def clean(self) -> dict[str, Any]:
        """Say everything that is wrong with the application at once."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        if values.get("enabled") and values.get("client_id"):
            for mistake in _mistakes(values["client_id"]):
                self.add_error("client_id", mistake)
        return values


def _mistakes(client_id: str) -> list[str]:
    try:
        return edx_platform.application_mistakes(client_id, PULL_SCOPE)
    except PlatformUnavailable as error:
        return [gettext("The LMS cannot tell: %(error)s.") % {"error": error}]


def _signed_token_problem(client_id: str) -> str:
    try:
        return edx_platform.signed_token_problem(client_id)
    except PlatformUnavailable:
        return ""  # the form has said so already


@admin.register(PullClient)
class PullClientAdmin(ModelAdmin):
    """The applications that may read a site's statements."""

    form = PullClientForm
    list_display = ("client_id", "site", "enabled")
    list_filter = ("enabled", "site")
    list_select_related = ("site",)

    def save_model(self, request: HttpRequest, obj: PullClient, form: PullClientForm, change: bool) -> None:
        """Save it, and say what will not work though nothing is wrong."""
        super().save_model(request, obj, form, change)
        problem = _signed_token_problem(obj.client_id) if obj.enabled else ""
        if problem:
            messages.warning(request, problem)


@admin.register(PullAudit)
class PullAuditAdmin(ReadOnlyAdmin):
    """Every request of a pull client."""

    list_display = ("at", "site_id", "client_id", "method", "asked", "status", "statements", "duration_ms")
    list_filter = ("site_id", "status")
    date_hierarchy = None
