"""Who may pull, and who did."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import edx_platform
from percipio_openedx.admin.base import ModelAdmin, ModelForm, Paginator, ReadOnlyAdmin, SiteFilter
from percipio_openedx.exceptions import PlatformUnavailable
from percipio_openedx.models.pull import PullAudit, PullClient
from percipio_openedx.settings.common import PULL_SCOPE


class PullClientForm(ModelForm):
    """A client is enabled only when its application can get a token that is any good."""

    class Meta:
        model = PullClient
        fields = ("site", "client_id", "enabled")
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
            try:
                mistakes = edx_platform.application_mistakes(values["client_id"], PULL_SCOPE)
            except PlatformUnavailable as error:
                mistakes = [gettext("The LMS cannot tell: %(error)s.") % {"error": error}]
            for mistake in mistakes:
                self.add_error("client_id", mistake)
        return values


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
        if obj.enabled:
            # The form has said so already.
            with suppress(PlatformUnavailable):
                if problem := edx_platform.signed_token_problem(obj.client_id):
                    messages.warning(request, problem)


@admin.register(PullAudit)
class PullAuditAdmin(ReadOnlyAdmin):
    """Every request of a pull client."""

    list_display = ("at", "site", "client_id", "method", "asked", "status", "statements", "duration_ms")
    list_filter = (SiteFilter, "status")
    sortable_by = None
    paginator = Paginator
