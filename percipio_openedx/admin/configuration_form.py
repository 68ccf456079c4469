"""The configuration form: selects, problems at their fields, and a write-only secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from percipio_openedx import config, encryption
from percipio_openedx.admin.labels import CHOICES, HELP, LABELS, PROPOSALS
from percipio_openedx.admin.meaning import (
    REQUIRED,
    SECRET_GOES_TO,
    changes_reports,
    goes_elsewhere,
    hash_of,
    mistakes,
    raw_values,
)
from percipio_openedx.encryption import Secret, unreadable
from percipio_openedx.models.configuration import Account, AccountColumns, PercipioConfiguration
from percipio_openedx.operations.labels import Text

# The secret's field name in the page. The LMS writes request parameters into its tracking log and masks this one
# (``common/djangoapps/track/middleware.py`` of edx-platform).
SECRET_NAME = "new_password"  # noqa: S105 - a name
SITE_ID = re.compile("[0-9]{1,9}")
# Stands for a secret where values are only shown.
NOT_SHOWN = Secret("-")
# The button that shows what the values mean and saves nothing. Hidden fields of the page that shows it: a hash of what
# was shown, and whether a secret had been typed, which the page does not hold.
SHOW, SHOWN, AGAIN = "_show", "shown", "secret_again"

SSO = "sso:"

# What each choice sends to whom; shown beside it.
ALL_LEARNERS: Text = _(
    "Every learner of the reported courses: their id (as chosen below), their full name if names are sent, and what "
    "they achieved go to Skillsoft."
)
SOME_LEARNERS: Text = _(
    "Only learners whom this single sign-on marks: the same goes to Skillsoft, and nothing of anybody else."
)


class ProposalInput(forms.TextInput):
    """A text field with suggestions (an HTML ``datalist``)."""

    template_name = "percipio_openedx/admin/proposal_input.html"

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Add the suggestions, under an id that the field refers to."""
        attrs = {**(attrs or {}), "class": "vTextField", "list": f"{name}_proposals"}
        return {**super().get_context(name, value, attrs), "proposals": PROPOSALS[name]}


class LearnersInput(forms.MultiWidget):
    """Radio buttons, and a text for the last of them; the value is one text (``all``, ``sso:<provider>``)."""

    def __init__(self, unset: str) -> None:
        """Offer ``unset`` only if that says something: what the setting chooses."""
        choices = [*([("", unset)] if unset else []), ("all", ALL_LEARNERS), ("sso", SOME_LEARNERS)]
        text = forms.TextInput({"class": "vTextField", "placeholder": "tpa-saml, KEY=VALUE", "aria-label": SSO})
        super().__init__({"": forms.RadioSelect(choices=choices), "sso": text})

    def decompress(self, value: Any) -> list[str]:
        text = str(value or "")
        return ["sso", text.removeprefix(SSO)] if text.startswith(SSO) else [text, ""]

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        chosen, marked = (str(one or "") for one in super().value_from_datadict(data, files, name))
        return SSO + marked.strip().removeprefix(SSO) if chosen == "sso" else chosen


class PercipioConfigurationForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new version of one site's configuration, in two steps where that changes what is reported.

    Such a version is not saved before it was shown what it means (``shows``: the version in force, and the new one
    without its secret). The secret is in no page, so one that was typed in the first step is typed again in the second.
    """

    shows: tuple[AccountColumns | None, AccountColumns] | None = None

    client_secret = forms.CharField(
        required=False,
        max_length=512,
        widget=forms.PasswordInput({"autocomplete": "new-password", "class": "vTextField", "spellcheck": "false"}),
    )

    # What is never taken from the settings, even if it is empty here.
    alone: tuple[str, ...] = ()

    class Meta:
        model: type[AccountColumns] = PercipioConfiguration
        fields = ("site", "enabled", *config.FIELDS)
        help_texts: Mapping[str, Text] = HELP

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Never in the page, wherever initial values came from.
        self.initial.pop("client_secret", None)
        is_typed = self.data.get(SECRET_NAME) or self.data.get(AGAIN)
        self.hidden = {SHOWN: self.data.get(SHOWN, ""), AGAIN: "1" if is_typed else ""}
        inherited = self._inherited_values()
        # A read-only version has hardly any fields.
        for name in self.fields.keys() & inherited.keys() - {"client_secret"}:
            self._show_inherited(name, inherited[name])
        if "site" in self.fields:
            # No buttons to manage sites from here.
            for act in ("add", "change", "delete", "view"):
                setattr(self.fields["site"].widget, f"can_{act}_related", False)
        secret, stored = self.fields["client_secret"], self._stored_secret()
        secret.label, secret.help_text = str(LABELS["client_secret"]), str(HELP["client_secret"])
        placeholder = gettext("As the setting says") if inherited["client_secret"] else ""
        if not stored.is_readable:
            secret.help_text = unreadable().message
            placeholder = gettext("Cannot be decrypted; type it again")
        elif stored:
            placeholder = gettext("Stored; leave it empty to keep it")
        secret.widget.attrs["placeholder"] = placeholder

    def _inherited_values(self) -> dict[str, Any]:
        return config.setting_values()

    def _show_inherited(self, name: str, inherited: Any) -> None:
        field: Any = self.fields[name]
        if name in CHOICES:
            unset = self._unset(name, dict(CHOICES[name]).get(str(inherited), inherited))
            texts = {"label": field.label, "help_text": field.help_text}
            self.fields[name] = forms.ChoiceField(choices=[("", unset), *CHOICES[name]], required=False, **texts)
        elif name == "learners":
            field.widget = LearnersInput(self._unset(name, inherited) if inherited else "")
        elif isinstance(field, forms.NullBooleanField):
            unset = self._unset(name, _("yes") if inherited else _("no"))
            field.widget.choices = [("unknown", unset), ("true", _("Yes")), ("false", _("No"))]
        else:
            if name in PROPOSALS:
                field.widget = ProposalInput()
            if isinstance(inherited, list | tuple):
                inherited = ", ".join(map(str, inherited))
            field.widget.attrs["placeholder"] = "" if inherited in (None, "") else self._unset(name, inherited)

    def _unset(self, name: str, value: Any) -> str:
        """Return how a field that is left empty reads."""
        return gettext("As the setting says: %(value)s") % {"value": value}

    def add_prefix(self, field_name: str) -> str:
        """Name the secret's field so that the LMS's tracking log masks it."""
        return super().add_prefix(SECRET_NAME if field_name == "client_secret" else field_name)

    def _stored_secret(self) -> Secret:
        shown = self.data if self.is_bound else self.initial
        site, client_id = str(shown.get("site", "")), shown.get("client_id")
        former: AccountColumns | None = None
        if client_id and SITE_ID.fullmatch(site):
            others = {name: shown.get(name, "") for name in self._meta.model.KEY_FIELDS if name != "site_id"}
            former = self._meta.model(site_id=int(site), **others).newest_version()
        return former.client_secret if former is not None and former.client_id == client_id else Secret("")

    def clean(self) -> dict[str, Any]:
        """Insert the stored secret where none was typed, then show each mistake at its field."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        site = cleaned.get("site")
        if site is None or not self._credentials_are_whole(cleaned):
            return cleaned
        is_asked = SHOW in self.data
        row = self._meta.model(**{name: cleaned.get(name) for name in self.Meta.fields})
        values, former = raw_values(row), row.newest_version()
        if is_asked:
            # It can be typed last.
            cleaned["client_secret"] = values["client_secret"] = NOT_SHOWN
        elif self.data.get(AGAIN) and not cleaned.get("client_secret"):
            self.add_error("client_secret", _("Type the secret again: it was not kept while this page was shown."))
            return cleaned
        elif cleaned.get("client_id") and not cleaned.get("client_secret") and former is not None:
            if goes_elsewhere(former, row):
                again = _(
                    "Type the secret again: the client id, the region or an address has changed, and a stored "
                    "secret is not sent anywhere else."
                )
                self.add_error("client_secret", again)
                return cleaned
            cleaned["client_secret"] = values["client_secret"] = former.client_secret
        secret = cleaned.get("client_secret")
        # Refuse a secret that everybody could decrypt. A site can still be switched off.
        if secret and (isinstance(secret, str) or cleaned["enabled"]) and (mistake := encryption.problem()):
            self.add_error("client_secret", mistake.message)
        # With one address of its own the site inherits none of them.
        addresses = SECRET_GOES_TO if any(cleaned.get(name) for name in SECRET_GOES_TO) else ()
        own = (*addresses, *REQUIRED, *self.alone)
        for name, problem in mistakes(site.pk, values, self._may_lack(cleaned)).items():
            if name not in self.errors:
                if name not in self.fields or (cleaned[name] in (None, "") and name not in own):
                    setting = {"name": name.upper(), "problem": problem}
                    problem = gettext("The setting PERCIPIO_%(name)s %(problem)s") % setting
                self.add_error(name if name in self.fields else None, problem)
        if not self.errors and (is_asked or changes_reports(former, row)):
            self._show(former, row)
        return cleaned

    def _show(self, former: AccountColumns | None, row: AccountColumns) -> None:
        """Refuse to save what was not shown, or what is only to be shown."""
        shown = hash_of(former, row)
        if self.data.get(SHOWN) == shown and SHOW not in self.data:
            return
        row.client_secret = NOT_SHOWN
        self.shows = former, row
        self.hidden[SHOWN] = shown
        self.add_error(None, _("Nothing is saved yet."))

    def _may_lack(self, cleaned: Mapping[str, Any]) -> Sequence[str]:
        """Return what may be missing: of a site that is switched off, or that has accounts, for whom and with what."""
        is_needed = cleaned["enabled"] and not Account.in_order([cleaned["site"].pk])
        return () if is_needed else (*REQUIRED, "learners")

    def _credentials_are_whole(self, cleaned: Mapping[str, Any]) -> bool:
        """Never send the settings' secret to an address typed here, nor a secret typed here with their client id."""
        if cleaned.get("client_id"):
            return True
        if cleaned.get("client_secret"):
            self.add_error("client_id", _("Give the client id that this secret belongs to."))
        if cleaned.get("api_url") or cleaned.get("token_url"):
            problem = _("Give the credentials here too: those of the settings are not sent to an address given here.")
            self.add_error("client_id", problem)
        return "client_id" not in self.errors


class AccountForm(PercipioConfigurationForm):
    """A new version of an account, which says for itself where and with which credentials it sends."""

    alone = (*SECRET_GOES_TO, *REQUIRED, "organization_id", "learners")

    class Meta:
        model: type[AccountColumns] = Account
        fields = ("site", "name", "position", "enabled", *config.ACCOUNT_FIELDS)
        help_texts: Mapping[str, Text] = {
            **HELP,
            "enabled": _("Switched off, it sends nothing. Its learners stay its own, and are not reported."),
        }

    def _inherited_values(self) -> dict[str, Any]:
        values = config.setting_values()
        return {name: "" if name in self.alone else values[name] for name in config.ACCOUNT_FIELDS}

    def _unset(self, name: str, value: Any) -> str:
        return "---------" if name in self.alone else gettext("As the site says")

    def clean_name(self) -> str:
        """Refuse an unusable name before anything is shown of the account."""
        name: str = self.cleaned_data["name"]
        Account._meta.get_field("name").run_validators(name)
        return name

    def _may_lack(self, cleaned: Mapping[str, Any]) -> Sequence[str]:
        """Return what may be missing of an account that is switched off: not whose learners it keeps all the same."""
        return () if cleaned["enabled"] else REQUIRED

    def _credentials_are_whole(self, cleaned: Mapping[str, Any]) -> bool:
        return "name" in cleaned
