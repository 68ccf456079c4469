"""The choice of whose learners are reported: nothing is chosen until somebody does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SSO = "sso:"

# What each choice sends to whom; shown beside it.
ALL_LEARNERS = _(
    "Every learner of the reported courses: their id (as chosen below), their full name if names are sent, and what "
    "they achieved go to Skillsoft."
)
SOME_LEARNERS = _(
    "Only learners whom this single sign-on marks: the same goes to Skillsoft, and nothing of anybody else."
)


class LearnersInput(forms.Widget):
    """Radio buttons, one with a text beside it; the value is one text (``all``, ``sso:<provider>``)."""

    template_name = "percipio_openedx/admin/learners_input.html"

    def __init__(self, unset: str | Promise = "", proposals: tuple[str, ...] = ()) -> None:
        """Offer ``unset`` only if that says something: what the setting chooses."""
        super().__init__()
        self.unset, self.proposals = unset, proposals

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        text = str(value or "")
        is_sso = text.startswith(SSO)
        options: list[tuple[str, str | Promise, bool]] = [
            ("all", ALL_LEARNERS, text == "all"),
            ("sso", SOME_LEARNERS, is_sso),
        ]
        if self.unset:
            options.insert(0, ("", self.unset, not text))
        context["widget"] |= {
            "options": options,
            "marked": text.removeprefix(SSO) if is_sso else "",
            "proposals": [one.removeprefix(SSO) for one in self.proposals if one.startswith(SSO)],
        }
        return context

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> str:
        chosen = str(data.get(name) or "")
        return SSO + str(data.get(f"{name}_sso") or "").strip().removeprefix(SSO) if chosen == "sso" else chosen

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        # No button of a group may be chosen.
        return False
