"""The client's secret and its token: nowhere but in the request."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from percipio_openedx import config
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.client import PercipioClient
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.delivery.outcomes import DeliveryError
from percipio_sandbox import Sandbox
from tests.integration.delivery.rows import NOW, SECRET, add, drain

pytestmark = pytest.mark.django_db(transaction=True)

SCENARIOS = [
    "ok",
    "token-refused:3",
    "token-500:2",
    "forbidden:3",
    "server-500:2",
    "bad-request-one=learner1@",
    "207-unreadable=learner1@",
    "reset:2",
    "redirect-307:1",
    "html-200:1",
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_secret_and_token_are_nowhere(site: Sandbox, scenario: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for number in range(3):
        add(number)
    site.set_scenario(scenario)
    configuration = config.for_site(1)
    assert configuration is not None
    shown = repr(configuration) + repr(PercipioClient(configuration))

    first = deliver_due(NOW)
    used = [token.value.reveal() for token in tokens._memory.values()]
    drain(first.next_due or NOW)
    used += [token.value.reveal() for token in tokens._memory.values()]

    places = [shown, caplog.text, database(), repr(cache._cache), _raised(configuration)]  # type: ignore[attr-defined]
    for value in (SECRET, *used):
        assert [value in place for place in places] == [False] * len(places)
    assert used or scenario.startswith("token")
    assert "example.com" not in caplog.text
    assert "Canary Learner" not in caplog.text


def database() -> str:
    """Every column of every table, but for what is sent itself."""
    with connection.cursor() as cursor:
        found: list[Any] = []
        for table in connection.introspection.table_names(cursor):
            if table.startswith("percipio_openedx") and table != "percipio_openedx_statement":
                cursor.execute(f"SELECT * FROM {table}")
                found.extend(cursor.fetchall())
        cursor.execute("SELECT answer FROM percipio_openedx_statement")
        found.extend(cursor.fetchall())
    return repr(found)


def _raised(configuration: config.Configuration) -> str:
    try:
        tokens.fetch(configuration)
    except DeliveryError as error:
        return "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    return ""


def test_a_secret_is_no_task_argument() -> None:
    configuration = config.build(1, {**_values(), "client_secret": SECRET})
    with pytest.raises(TypeError):
        pickle.dumps(configuration.client_secret)


def _values() -> dict[str, Any]:
    values = config.setting_values()
    return {**values, "partner_name": "p", "client_id": "c", "learners": "all"}
