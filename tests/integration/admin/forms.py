"""The configuration form as an operator fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.test import Client
from django.urls import reverse

ADD = "admin:percipio_openedx_percipioconfiguration_add"


def save(client: Client, typed: Mapping[str, str], form: str = ADD) -> Any:
    """Save what is typed; where the page first shows what it means, once more, with the secret typed again."""
    response = client.post(reverse(form), typed)
    if response.status_code == 200 and response.context["meaning"]:
        return client.post(reverse(form), {**typed, **hidden(response)})
    return response


def hidden(response: Any) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    return {name: value for name, value in response.context["adminform"].form.hidden.items() if value}
