"""The configuration form: choices as selects, mistakes at their fields, and a secret that goes in and never out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import config, encryption
from percipio_openedx.admin.configuration import SECRET_NAME
from percipio_openedx.admin.configuration_choices import CHOICES, HELP, LABELS, PROPOSALS
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.models.configuration import PercipioConfiguration
from percipio_openedx.secret import Secret, unreadable
from percipio_openedx.settings.common import DEFAULTS

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[PercipioConfiguration]
else:
    _ModelForm = forms.ModelForm

REQUIRED = ("partner_name", "client_id", "client_secret")
YES_OR_NO = ("send_names", "send_skipped")
# Where the secret, or the token that it buys, goes.
WAYS = ("region", "api_url", "token_url")
SITE_ID = re.compile("[0-9]{1,9}")


def _stand_ins() -> dict[str, Any]:
    """For each field a value that ``config.build`` takes, so that it goes on to the next mistake."""
    values = {name: DEFAULTS[f"PERCIPIO_{name.upper()}"] for name in config.FIELDS}
    return {**values, **dict.fromkeys(REQUIRED, "-"), **dict.fromkeys(("api_url", "token_url"), "https://localhost")}


def mistakes(site_id: int, values: Mapping[str, Any], *, is_on: bool = True) -> dict[str, str]:
    """Every mistake in a site's raw values: the field and what to do about it.

    Arguments:
        site_id: whose values they are.
        values: as ``config.values_of`` gives them.
        is_on: whether the site is to report; if not, missing credentials are no mistake.
    """
    stand_ins = _stand_ins()
    tried = dict(values)
    if not is_on:
        tried.update({name: stand_ins[name] for name in REQUIRED if not _can_be_used(tried[name])})
    found: dict[str, str] = {}
    for _attempt in config.FIELDS:
        try:
            config.build(site_id, tried)
        except PercipioConfigurationError as error:
            name = error.setting.removeprefix("PERCIPIO_").lower()
            found[name] = error.problem
            tried[name] = stand_ins[name]
        else:
            break
    return found


def kept_secret(former: PercipioConfiguration | None, row: PercipioConfiguration) -> Secret:
    """Return the stored secret with which a new version goes on; an empty one where there is none for it.

    Arguments:
        former: the newest version so far.
        row: the new one. Its own secret is not looked at.
    """
    if former is None or not row.client_id or _goes_elsewhere(former, row):
        return Secret("")
    return former.client_secret


def _goes_elsewhere(former: PercipioConfiguration, row: PercipioConfiguration) -> bool:
    """Whether the former version's secret would be sent to somebody whom it was not typed for."""
    before, after = config.values_of(former), config.values_of(row)
    return row.client_id != former.client_id or any(before[way] != after[way] for way in WAYS)


def _can_be_used(value: Any) -> bool:
    return bool(value) and getattr(value, "is_readable", True)


class ProposalInput(forms.TextInput):
    """A text field with proposals (an HTML ``datalist``)."""

    template_name = "percipio_openedx/admin/proposal_input.html"

    def __init__(self, proposals: tuple[str, ...], attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.proposals = proposals

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """The proposals, under an id that the field points to."""
        context = super().get_context(name, value, attrs)
        context["proposals"] = self.proposals
        context["widget"]["attrs"]["list"] = f"{name}_proposals"
        return context


class PercipioConfigurationForm(_ModelForm):
    """A new version of one site's configuration."""

    client_secret = forms.CharField(
        required=False,
        max_length=512,
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password", "class": "vTextField", "spellcheck": "false"}
        ),
    )

    class Meta:
        model = PercipioConfiguration
        fields = ("site", "enabled", *config.FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Never into the page, wherever initial values came from.
        self.initial.pop("client_secret", None)
        inherited = config.setting_values()
        stored = self._stored_secret()
        for name, field in list(self.fields.items()):
            if name in CHOICES:
                self.fields[name] = field = forms.ChoiceField(choices=_choices(name, inherited[name]), required=False)
            if name in PROPOSALS:
                field.widget = ProposalInput(PROPOSALS[name], {"class": "vTextField"})
            if name in YES_OR_NO:
                field.widget.choices = _yes_or_no(inherited[name])
            elif name == "client_secret":
                field.widget.attrs["placeholder"] = _of_the_secret(stored, inherited[name])
            elif name in inherited:
                field.widget.attrs["placeholder"] = _placeholder(inherited[name])
            elif name == "site":
                _plain(field.widget)
            field.label = str(LABELS.get(name, field.label))
            field.help_text = str(HELP.get(name, ""))
        if not stored.is_readable:
            self.fields["client_secret"].help_text = unreadable().words

    def add_prefix(self, field_name: str) -> str:
        """Name the secret in the page so that the LMS's tracking log masks it."""
        return super().add_prefix(SECRET_NAME if field_name == "client_secret" else field_name)

    def _stored_secret(self) -> Secret:
        """Return what is stored for the site and the client id that the page shows."""
        shown = self.data if self.is_bound else self.initial
        site, client_id = str(shown.get("site", "")), shown.get("client_id")
        former = PercipioConfiguration.newest(int(site)) if client_id and SITE_ID.fullmatch(site) else None
        return former.client_secret if former is not None and former.client_id == client_id else Secret("")

    def clean(self) -> dict[str, Any]:
        """Put the former secret in where none was typed, then show each mistake at its field."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        site = cleaned.get("site")
        if site is None:
            return cleaned
        former = PercipioConfiguration.newest(site.pk)
        row = self._row(cleaned)
        values = config.values_of(row)
        if not self._credentials_are_whole(cleaned):
            return cleaned
        if cleaned.get("client_id") and not cleaned.get("client_secret") and former is not None:
            if _goes_elsewhere(former, row):
                self.add_error(
                    "client_secret",
                    _(
                        "Type the secret again: the client id, the region or an address has changed, and a stored "
                        "secret is not sent anywhere else."
                    ),
                )
                return cleaned
            cleaned["client_secret"] = values["client_secret"] = former.client_secret
        self._demand_a_key(cleaned)
        # One own address, and none of them is inherited.
        own_ways = WAYS if any(cleaned.get(way) for way in WAYS) else ()
        for name, problem in mistakes(site.pk, values, is_on=cleaned["enabled"]).items():
            if name not in self.errors:
                is_own = cleaned[name] not in (None, "") or name in own_ways
                self.add_error(name, _at_its_field(name, problem, is_own=is_own))
        return cleaned

    def _row(self, cleaned: Mapping[str, Any]) -> PercipioConfiguration:
        return PercipioConfiguration(
            site=cleaned["site"], enabled=cleaned["enabled"], **{name: cleaned.get(name) for name in config.FIELDS}
        )

    def _demand_a_key(self, cleaned: Mapping[str, Any]) -> None:
        """Refuse a secret that everybody could decrypt. A site can be switched off all the same."""
        secret = cleaned.get("client_secret")
        is_new = isinstance(secret, str)
        mistake = encryption.problem() if secret and (is_new or cleaned["enabled"]) else None
        if mistake is not None:
            self.add_error("client_secret", mistake.words)

    def _credentials_are_whole(self, cleaned: Mapping[str, Any]) -> bool:
        """The secret of the settings never goes to an address typed here, nor one typed here with their client id."""
        if cleaned.get("client_id"):
            return True
        if cleaned.get("client_secret"):
            self.add_error("client_id", _("Give the client id that this secret belongs to."))
        if cleaned.get("api_url") or cleaned.get("token_url"):
            self.add_error(
                "client_id",
                _("Give the credentials here too: those of the settings are not sent to an address given here."),
            )
        return "client_id" not in self.errors


def _at_its_field(name: str, problem: str, *, is_own: bool) -> str:
    if is_own or name in REQUIRED:
        return problem
    return gettext("The setting PERCIPIO_%(name)s %(problem)s") % {"name": name.upper(), "problem": problem}


def _choices(name: str, inherited: Any) -> list[tuple[str, Any]]:
    words = dict(CHOICES[name]).get(str(inherited), inherited)
    return [("", _inherited(words)), *CHOICES[name]]


def _yes_or_no(inherited: Any) -> list[tuple[str, Any]]:
    words = _("yes") if inherited else _("no")
    return [("unknown", _inherited(words)), ("true", _("Yes")), ("false", _("No"))]


def _plain(widget: Any) -> None:
    """Sites are made elsewhere: no buttons for that here."""
    for act in ("add", "change", "delete", "view"):
        setattr(widget, f"can_{act}_related", False)


def _of_the_secret(stored: Secret, inherited: Any) -> str:
    if not stored.is_readable:
        return gettext("Cannot be decrypted; type it again")
    if stored:
        return gettext("Stored; leave it empty to keep it")
    return gettext("As the setting says") if inherited else ""


def _placeholder(inherited: Any) -> str:
    return _inherited(inherited) if inherited not in (None, "") else ""


def _inherited(words: Any) -> str:
    return gettext("As the setting says: %(value)s") % {"value": words}
