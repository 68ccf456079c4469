"""A stored secret that no key decrypts any more: shown in words and mended on the page, and nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse

from percipio_openedx import config
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.dispatcher import deliver_due
from percipio_openedx.models import CatalogEntry, Destination, PercipioConfiguration, Statement
from percipio_openedx.models.statement import State
from percipio_openedx.operations import run
from percipio_sandbox import Sandbox
from tests.integration.admin.forms import ADD, save
from tests.integration.admin.test_pages import pages
from tests.integration.admin.world import World
from tests.integration.builders import KEY
from tests.integration.operations.conftest import command
from tests.integration.test_canary_everywhere import CALLS, FOLDER

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("completing", "no_calls")]

LIST = "admin:percipio_openedx_percipioconfiguration_changelist"
SECRET = "canary-of-the-lost-key-30ab"
FIRST, SECOND = "first text of keys 0d84be", "second text of keys 91f7aa"
WORDS = "none of this LMS's keys decrypts it"


@pytest.fixture
def lost(world: World, arriving: Sandbox, settings: Any) -> PercipioConfiguration:
    """A site with an account of its own, whose key has been replaced since."""
    settings.PERCIPIO_ENCRYPTION_KEYS = [FIRST]
    row = PercipioConfiguration.objects.create(
        site=Site.objects.get(pk=1),
        enabled=True,
        region="custom",
        api_url=arriving.url,
        token_url=arriving.token_url,
        partner_name="acme",
        client_id="acme-client",
        client_secret=SECRET,
    )
    catalog = Destination.of(1, "", own_credentials=True, is_catalog=True)
    CatalogEntry.objects.create(destination=catalog, content_id="Academy-C", due_at=world.now)
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND]
    tokens._memory.clear()
    return row


def form_of(client: Client, row: PercipioConfiguration) -> dict[str, str]:
    """What a browser would send of the form that opens with a version."""
    form = client.get(reverse(ADD), {"source": row.pk}).context["adminform"].form
    given = {form.add_prefix(name): form[name].value() for name in form.fields}
    return {name: str(value) for name, value in given.items() if value not in (None, "")}


def newest() -> PercipioConfiguration:
    found = PercipioConfiguration.newest(1)
    assert found is not None
    return found


def test_every_page_opens(lost: PercipioConfiguration, world: World, everything: Client) -> None:
    answers = {name: everything.get(url) for name, (url, _permissions) in pages(world).items()}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 200)
    shown = {name: answer.content.decode() for name, answer in answers.items()}
    assert "stored, but cannot be decrypted: type it again" in shown["percipioconfiguration"]
    assert "stored, but cannot be decrypted: type it again" in shown["version"]
    for name in ("new version", "connection", "overview"):
        assert WORDS in shown[name].replace("&#x27;", "'"), name
    assert "Cannot be decrypted; type it again" in shown["new version"]
    assert f"{reverse(ADD)}?source={lost.pk}" in shown["connection"]


def test_typing_it_again_mends_it(lost: PercipioConfiguration, everything: Client, arriving: Sandbox) -> None:
    answer = everything.post(reverse(ADD), {**form_of(everything, lost), "new_password": "typed again"})

    assert answer.status_code == 302, answer.context["errors"]
    found = config.for_site(1)
    assert found is not None
    assert found.client_secret.reveal() == "typed again"
    tested = everything.post(reverse("admin:percipio_openedx_test_connection", args=[1]))
    assert "The connection works." in tested.content.decode()


def test_saving_without_typing_it_says_so_at_the_field(lost: PercipioConfiguration, everything: Client) -> None:
    answer = everything.post(reverse(ADD), form_of(everything, lost))

    assert answer.status_code == 200
    errors = answer.context["adminform"].form.errors
    assert list(errors) == ["client_secret"]
    assert WORDS in errors["client_secret"][0]
    assert PercipioConfiguration.objects.count() == 1


def test_the_site_can_be_switched_off_and_its_secret_comes_back_with_the_key(
    lost: PercipioConfiguration, everything: Client, settings: Any
) -> None:
    given = form_of(everything, lost)
    del given["enabled"]
    answer = everything.post(reverse(ADD), given)

    assert answer.status_code == 302, answer.context["errors"]
    assert config.for_site(1) is None
    assert not newest().client_secret.is_readable
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND, FIRST]
    assert newest().client_secret.reveal() == SECRET


def test_reverting_opens_the_form_to_type_it(lost: PercipioConfiguration, everything: Client) -> None:
    newest().save()
    action = {"action": "revert", "_selected_action": [lost.pk]}
    answer = everything.post(reverse(LIST) + "?show_history=1", action, follow=True)

    assert answer.redirect_chain == [(f"{reverse(ADD)}?source={lost.pk}", 302)]
    assert WORDS in answer.content.decode().replace("&#x27;", "'")


def test_testing_the_connection_says_what_is_wrong(lost: PercipioConfiguration, everything: Client) -> None:
    answer = everything.post(reverse("admin:percipio_openedx_test_connection", args=[1]))

    assert answer.status_code == 200
    assert WORDS in answer.content.decode().replace("&#x27;", "'")


def test_nothing_is_sent_and_nothing_is_lost(lost: PercipioConfiguration, arriving: Sandbox, settings: Any) -> None:
    before = Statement.objects.filter(state=State.WAITING).count()
    deliver_due()
    run.run_once()
    assert before > 0
    assert arriving.requests == []
    assert Statement.objects.filter(state=State.WAITING).count() >= before


NEED_NO_SECRET = ("percipio_catalog", "percipio_export")


@pytest.mark.parametrize("name", CALLS)
def test_every_command_ends_in_words(lost: PercipioConfiguration, name: str, tmp_path: Path) -> None:
    for arguments in CALLS[name]:
        given = ["amina", KEY] if name == "percipio_preview" else arguments
        given = [str(tmp_path) if one == FOLDER else one for one in given]
        ran = command(name, *given)
        assert SECRET not in ran.out + ran.err
        if ran.code and name not in NEED_NO_SECRET:
            assert WORDS in ran.out + ran.err, (name, ran)


def test_the_doctor_says_which_are_left(lost: PercipioConfiguration, settings: Any) -> None:
    def said(name: str) -> str:
        return "\n".join(line for line in command("percipio_doctor").lines if name in line)

    assert "none of the keys decrypts it" in said("client secret of example.com")
    assert "none of this LMS's keys decrypts it" in said("configuration of example.com")
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND, FIRST]
    assert "stored with an older key" in said("client secret of example.com")
    newest().save()
    assert "stored with the newest key" in said("client secret of example.com")
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND]
    assert "stored with the newest key" in said("client secret of example.com")


def test_the_doctor_finds_what_earlier_versions_still_hold(lost: PercipioConfiguration, settings: Any) -> None:
    settings.PERCIPIO_ENCRYPTION_KEYS = [SECOND, FIRST]
    newest().save()
    PercipioConfiguration.objects.filter(pk=lost.pk).update(client_secret="as a restored copy has it")

    said = [line for line in command("percipio_doctor").lines if "earlier versions" in line]
    assert len(said) == 1 and "stored still at the sites example.com" in said[0]
    newest().save()
    assert [line for line in command("percipio_doctor").lines if "earlier versions" in line] == []


PUBLIC = "DUMMY KEY CHANGE BEFORE GOING TO PRODUCTION"


def test_the_form_takes_no_secret_that_everybody_could_decrypt(
    world: World, operator: Callable[..., Client], settings: Any
) -> None:
    client = operator("add_percipioconfiguration", "view_percipioconfiguration")
    settings.PERCIPIO_ENCRYPTION_KEYS = [PUBLIC]
    typed = {
        "site": "1",
        "enabled": "on",
        "partner_name": "acme",
        "client_id": "acme-client",
        "new_password": SECRET,
        "region": "eu",
        "send_names": "unknown",
    }
    answer = client.post(reverse(ADD), typed)

    assert answer.status_code == 200
    assert PercipioConfiguration.objects.count() == 0
    (said,) = answer.context["adminform"].form.errors["client_secret"]
    assert said.startswith("PERCIPIO_ENCRYPTION_KEYS: holds, as the key to encrypt with, an example")
    settings.PERCIPIO_ENCRYPTION_KEYS = [FIRST]
    assert save(client, typed).status_code == 302

    # A stored one can still be read with that key behind another; but it goes on under a good one only.
    settings.PERCIPIO_ENCRYPTION_KEYS = [PUBLIC, FIRST]
    kept = {name: text for name, text in typed.items() if name != "new_password"}
    assert list(client.post(reverse(ADD), kept).context["adminform"].form.errors) == ["client_secret"]
    off = {name: text for name, text in kept.items() if name != "enabled"}
    assert client.post(reverse(ADD), off).status_code == 302
    assert newest().client_secret.reveal() == SECRET
