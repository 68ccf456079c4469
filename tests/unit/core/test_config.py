"""The settings in force: where they come from, and what is said of a wrong one."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import ERROR
from django.utils import translation

from percipio_openedx import checks, config
from percipio_openedx.config.site import SHAPING, Configuration
from percipio_openedx.encryption import MASK, Secret
from percipio_openedx.enums import Api, Kind, Undone
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.settings.common import DEFAULTS, UNTRACKED, keep_out_of_tracking_log, plugin_settings

CANARY = "canary-7f3a"


def values(**changes: Any) -> dict[str, Any]:
    given = {name: DEFAULTS[f"PERCIPIO_{name.upper()}"] for name in config.FIELDS}
    chosen = {"partner_name": "acme", "client_id": "id", "client_secret": CANARY, "learners": "all"}
    return {**given, **chosen, **changes}


@pytest.mark.parametrize(
    ("region", "api", "token"),
    [
        ("us", "https://api.percipio.com", "https://oauth2-provider.percipio.com/oauth2-provider/token"),
        (
            "eu",
            "https://dew1-api.percipio.com",
            "https://euc1-prod-oauth2-provider.percipio.com/oauth2-provider/token",
        ),
        (
            "development",
            "https://api.develop.squads-dev.com",
            "https://oauth2-provider.develop.squads-dev.com/oauth2-provider/token",
        ),
    ],
)
def test_regions(region: str, api: str, token: str) -> None:
    found = config.build(1, values(region=region))
    assert (found.api_url, found.token_url) == (api, token)


def test_endpoints() -> None:
    found = config.build(1, values(region="custom", api_url="https://x.example/", token_url="https://x.example/t"))
    base = "https://x.example/content-aggregation/v1/partners/acme"
    assert found.endpoint("statements") == f"{base}/statements"
    assert found.endpoint("track", "org/1") == f"{base}/organizations/org%2F1/track"


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        ({"partner_name": ""}, "PERCIPIO_PARTNER_NAME"),
        ({"partner_name": ".."}, "PERCIPIO_PARTNER_NAME"),
        ({"partner_name": "x" * 129}, "PERCIPIO_PARTNER_NAME"),
        ({"organization_id": "."}, "PERCIPIO_ORGANIZATION_ID"),
        ({"organization_id": "org\n1"}, "PERCIPIO_ORGANIZATION_ID"),
        ({"organization_id": "x" * 129}, "PERCIPIO_ORGANIZATION_ID"),
        ({"client_id": ""}, "PERCIPIO_CLIENT_ID"),
        ({"client_secret": ""}, "PERCIPIO_CLIENT_SECRET"),
        ({"region": "mars"}, "PERCIPIO_REGION"),
        ({"region": "custom"}, "PERCIPIO_API_URL"),
        ({"region": "custom", "api_url": "https://x.example"}, "PERCIPIO_TOKEN_URL"),
        ({"api_url": "http://percipio.example"}, "PERCIPIO_API_URL"),
        ({"api_url": "https://user:pw@percipio.example"}, "PERCIPIO_API_URL"),
        ({"api_url": "https://percipio.example?x=1"}, "PERCIPIO_API_URL"),
        ({"api_url": "https://percipio.example:port"}, "PERCIPIO_API_URL"),
        ({"api_url": "http://127.0.0.2:8899"}, "PERCIPIO_API_URL"),
        ({"api_url": "http://127.1"}, "PERCIPIO_API_URL"),
        ({"api_url": "https://192.0.0.192"}, "PERCIPIO_API_URL"),
        ({"api_url": "https://[::ffff:168.63.129.16]"}, "PERCIPIO_API_URL"),
        ({"token_url": "http://evil.example\\[::1]/token"}, "PERCIPIO_TOKEN_URL"),
        ({"token_url": "https://api.percipio.com\\@evil.example/token"}, "PERCIPIO_TOKEN_URL"),
        ({"token_url": "https://oauth2-provider.percip\u0456o.com/token"}, "PERCIPIO_TOKEN_URL"),
        ({"api_url": "ftp://127.0.0.1"}, "PERCIPIO_API_URL"),
        ({"api_url": "https://10.0.0.1"}, "PERCIPIO_API_URL"),
        ({"api_url": "https://[::ffff:10.0.0.1]"}, "PERCIPIO_API_URL"),
        ({"token_url": "https://169.254.169.254/token"}, "PERCIPIO_TOKEN_URL"),
        ({"token_url": "https://2130706433/token"}, "PERCIPIO_TOKEN_URL"),
        ({"api": "soap"}, "PERCIPIO_API"),
        ({"learner_id": "phone"}, "PERCIPIO_LEARNER_ID"),
        ({"learner_id": "sso:"}, "PERCIPIO_LEARNER_ID"),
        ({"organization_from": "email"}, "PERCIPIO_ORGANIZATION_FROM"),
        ({"learners": "some"}, "PERCIPIO_LEARNERS"),
        ({"learners": ""}, "PERCIPIO_LEARNERS"),
        ({"learners": None}, "PERCIPIO_LEARNERS"),
        *(({"modes": given}, "PERCIPIO_MODES") for given in (None, 7, {"a": 1}, ["a b"], [""], [None], "x\x00")),
        ({"milestones": []}, "PERCIPIO_MILESTONES"),
        ({"milestones": " , "}, "PERCIPIO_MILESTONES"),
        ({"milestones": ["started", "retracted"]}, "PERCIPIO_MILESTONES"),
        ({"milestones": "started, won"}, "PERCIPIO_MILESTONES"),
        ({"retakes": "some"}, "PERCIPIO_RETAKES"),
        ({"content_id": "name"}, "PERCIPIO_CONTENT_ID"),
        ({"started_on": "birth"}, "PERCIPIO_STARTED_ON"),
        ({"completed_on": ""}, "PERCIPIO_COMPLETED_ON"),
        ({"undone": "maybe"}, "PERCIPIO_UNDONE"),
        ({"progress_step": 0}, "PERCIPIO_PROGRESS_STEP"),
        ({"progress_step": "ten"}, "PERCIPIO_PROGRESS_STEP"),
        ({"progress_step": True}, "PERCIPIO_PROGRESS_STEP"),
        ({"progress_step": "\u00b2"}, "PERCIPIO_PROGRESS_STEP"),
        ({"progress_step": "--5"}, "PERCIPIO_PROGRESS_STEP"),
        ({"progress_step": "9" * 5000}, "PERCIPIO_PROGRESS_STEP"),
        ({"batch_size": 501}, "PERCIPIO_BATCH_SIZE"),
        ({"timeout": 0}, "PERCIPIO_TIMEOUT"),
        ({"send_names": "yes"}, "PERCIPIO_SEND_NAMES"),
        ({"send_skipped": 1}, "PERCIPIO_SEND_SKIPPED"),
        ({"catalog_push": "yes"}, "PERCIPIO_CATALOG_PUSH"),
        ({"catalog_interval": 59}, "PERCIPIO_CATALOG_INTERVAL"),
        ({"catalog_patience": -1}, "PERCIPIO_CATALOG_PATIENCE"),
        ({"launch_enrolls": "no"}, "PERCIPIO_LAUNCH_ENROLLS"),
        ({"launch_idp": "saml okta\n"}, "PERCIPIO_LAUNCH_IDP"),
        ({"launch_idp": "x" * 129}, "PERCIPIO_LAUNCH_IDP"),
        *(({"partner_name": name}, "PERCIPIO_PARTNER_NAME") for name in ("..", ".", "a/b", "a\\b", " acme", "a\x00")),
        *(({"organization_id": name}, "PERCIPIO_ORGANIZATION_ID") for name in ("..", ".", "a/b", "acme ", "a\nb", " ")),
    ],
)
def test_a_mistake_names_its_setting_and_never_the_secret(changes: dict[str, Any], setting: str) -> None:
    with pytest.raises(PercipioConfigurationError) as caught:
        config.build(1, values(**changes))
    assert caught.value.setting == setting
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("address", ["http://127.0.0.1:8899", "http://localhost:1", "http://[::1]:2"])
def test_plain_http_is_for_this_machine_only(address: str) -> None:
    assert config.build(1, values(api_url=address, token_url=address)).api_url == address


def test_a_number_may_have_any_blanks_around_it() -> None:
    assert config.build(1, values(progress_step=" 5\t")).policy.progress_step == 5
    assert config.build(1, values(progress_step="\x1d5\x1f")).policy.progress_step == 5


def test_a_private_address_stands_by_leave_of_the_setting(settings: Any) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = ["10.1.0.0/16"]
    assert config.build(1, values(api_url="https://10.1.2.3")).api_url == "https://10.1.2.3"
    with pytest.raises(PercipioConfigurationError, match="PERCIPIO_PRIVATE_HOSTS"):
        config.build(1, values(api_url="https://10.2.2.3"))


@pytest.mark.parametrize("wrong", ["10.0.0.0/8", 7, ["10.0.0.1/8"], [None], ["*.corp"]])
def test_a_wrong_list_of_private_hosts_allows_nothing_and_stops_nobody_else(settings: Any, wrong: Any) -> None:
    settings.PERCIPIO_PRIVATE_HOSTS = wrong
    assert config.build(1, values()).api_url == "https://api.percipio.com"
    with pytest.raises(PercipioConfigurationError) as caught:
        config.build(1, values(api_url="https://10.1.2.3"))
    assert caught.value.setting == "PERCIPIO_API_URL"
    assert [message.id for message in checks.check_settings(None)] == ["percipio.W004", "percipio.I002"]


def test_a_site_on_track_keeps_what_is_undone() -> None:
    found = config.build(1, values(api="track", undone="retract"))
    assert (found.api, found.policy.undone) == (Api.TRACK, Undone.KEEP)


def test_the_secret_shows_itself_to_nobody() -> None:
    found = config.build(1, values())
    assert found.client_secret.reveal() == CANARY
    shown = [repr(found), str(found.client_secret), f"{found.client_secret}", repr(found.client_secret)]
    assert not any(CANARY in text for text in shown)
    assert MASK in repr(found.client_secret)
    with pytest.raises(TypeError):
        pickle.dumps(found.client_secret)


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1
    assert not Secret("")


class Bare:
    """The LMS's settings at the time when plugins add theirs."""

    OAUTH2_PROVIDER: dict[str, Any] = {"SCOPES": {"read": "Read"}}


def test_the_defaults_and_the_scope_are_added() -> None:
    bare = Bare()
    plugin_settings(bare)
    assert {name: getattr(bare, name) for name in DEFAULTS} == DEFAULTS
    assert set(bare.OAUTH2_PROVIDER["SCOPES"]) == {"read", "percipio:read"}


@pytest.mark.parametrize(
    ("changes", "ids"),
    [
        ({}, ["percipio.I002"]),
        ({"PERCIPIO_ENABLED": False}, ["percipio.I001"]),
        ({"PERCIPIO_PARTNER_NAME": "acme"}, ["percipio.W005"]),
        ({"PERCIPIO_OBSERVE_AFTER": "soon"}, ["percipio.W002", "percipio.I002"]),
        (
            {
                "PERCIPIO_PARTNER_NAME": "acme",
                "PERCIPIO_CLIENT_ID": "id",
                "PERCIPIO_CLIENT_SECRET": CANARY,
                "PERCIPIO_LEARNERS": "all",
                "PERCIPIO_API": "track",
                "PERCIPIO_UNDONE": "retract",
            },
            ["percipio.W001"],
        ),
    ],
)
def test_system_checks(settings: Any, changes: dict[str, Any], ids: list[str]) -> None:
    for name, value in changes.items():
        setattr(settings, name, value)
    found = checks.check_settings(None)
    assert [message.id for message in found] == ids
    assert CANARY not in str(found)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("PERCIPIO_COMPLETED_OM", "PERCIPIO_COMPLETED_ON"),
        ("PERCIPIO_CLIENTSECRET", "PERCIPIO_CLIENT_SECRET"),
        ("PERCIPIO_ENCRYPTION_KEY", "PERCIPIO_ENCRYPTION_KEYS"),
        ("PERCIPIO_RETENTION_DAY", "PERCIPIO_RETENTION_DAYS"),
        ("PERCIPIO_ZZ", ""),
    ],
)
@pytest.mark.parametrize("is_on", [True, False])
def test_a_misspelt_setting_is_named_with_the_nearest_one(settings: Any, name: str, nearest: str, is_on: bool) -> None:
    settings.PERCIPIO_ENABLED = is_on
    setattr(settings, name, CANARY)
    (found,) = [message for message in checks.check_settings(None) if message.id == "percipio.W007"]

    assert config.unknown_settings() == {name: nearest}
    assert found.msg.startswith(f"{name} is no setting of this plugin")
    assert found.hint == (f"Did you mean {nearest}?" if nearest else found.hint)
    assert CANARY not in str(found)


def test_the_settings_that_there_are_are_known() -> None:
    assert config.unknown_settings() == {}


@pytest.mark.parametrize("value", [None, -1, "wrong", [], {}, 10**12, object(), ["x"], "DUMMY KEY", True])
def test_no_wrong_setting_is_an_error_to_django(settings: Any, value: Any) -> None:
    for name in set(DEFAULTS) - {"PERCIPIO_ENABLED"}:
        setattr(settings, name, value)
    settings.PERCIPIO_UNKNOWN = value
    found = checks.check_settings(None)

    assert {message.id for message in found} >= {"percipio.W002", "percipio.W007"}
    assert max(message.level for message in found) < ERROR


@pytest.mark.parametrize("given", [["^/event"], ("^/event", r"^/percipio/"), [], None])
def test_the_plugin_s_addresses_are_kept_out_of_the_tracking_log(given: Any) -> None:
    bare: Any = Bare()
    if given is not None:
        bare.TRACKING_IGNORE_URL_PATTERNS = given
    plugin_settings(bare)
    once = bare.TRACKING_IGNORE_URL_PATTERNS
    keep_out_of_tracking_log(bare)

    assert once == bare.TRACKING_IGNORE_URL_PATTERNS
    assert once[: len(given or [])] == list(given or [])
    assert sorted(set(once)) == sorted(once)
    assert set(UNTRACKED) <= set(once)


@pytest.mark.parametrize("odd", [None, "^/event", 7])
def test_a_list_of_patterns_that_is_none_is_left_to_the_platform(odd: Any) -> None:
    bare: Any = Bare()
    bare.TRACKING_IGNORE_URL_PATTERNS = odd
    plugin_settings(bare)
    assert odd == bare.TRACKING_IGNORE_URL_PATTERNS


@pytest.mark.parametrize(
    ("patterns", "tracked"),
    [
        ([r"^/admin/percipio_openedx/", r"^/percipio/"], []),
        ([r"^/admin", "^/percipio"], []),
        ([r"^/percipio/"], ["/admin/percipio_openedx/"]),
        (["^/event"], ["/admin/percipio_openedx/", "/percipio/xapi/statements"]),
        # The middleware writes no parameters where it cannot read the patterns.
        (["("], []),
        (None, []),
    ],
)
def test_what_is_tracked_all_the_same_is_said(settings: Any, patterns: Any, tracked: list[str]) -> None:
    settings.TRACKING_IGNORE_URL_PATTERNS = patterns
    found = [message for message in checks.check_settings(None) if message.id == "percipio.W008"]

    assert config.tracked_addresses() == tracked
    assert [all(address in message.msg for address in tracked) for message in found] == [True] * bool(tracked)


LIKE_A_YAML_KEY = """
from tests.settings import *
TRACKING_IGNORE_URL_PATTERNS = ["^/somewhere/else"]
"""


@pytest.mark.slow
def test_a_list_that_was_replaced_is_extended_when_the_app_is_ready(tmp_path: Path) -> None:
    (tmp_path / "replaced.py").write_text(LIKE_A_YAML_KEY, encoding="utf-8")
    program = (
        "import django; django.setup(); from django.conf import settings; print(settings.TRACKING_IGNORE_URL_PATTERNS)"
    )
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "replaced",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path]),
    }
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert ast.literal_eval(ended.stdout.strip()) == ["^/somewhere/else", *UNTRACKED]


def test_a_mistake_is_said_in_the_reader_s_language_and_logged_in_english() -> None:
    with translation.override("de"):
        with pytest.raises(PercipioConfigurationError) as caught:
            config.build(1, values(batch_size=9999))
        assert caught.value.problem == "ist 9999; erlaubt ist 1 bis 500"
        assert caught.value.message == "PERCIPIO_BATCH_SIZE: ist 9999; erlaubt ist 1 bis 500"
        assert str(caught.value) == "PERCIPIO_BATCH_SIZE: is 9999; it must be from 1 to 500"
    assert caught.value.problem == "is 9999; it must be from 1 to 500"


IDS = (
    "acme",
    "x",
    "x" * 128,
    "org-1",
    "5f0c3a3e-7f0b-5a54-9d8e-6a1c2f7f4b10",
    "CN=Learners,OU=a",
    "北京大学",
    "a.b",
    "...",
    "0",
)
NO_IDS = (
    "",
    "x" * 129,
    ".",
    "..",
    "a/../b",
    "a\\..\\b",
    "./a",
    "amina@example.com",
    "acme corp",
    "acme\n",
    "\u00a0",
    "a\u200bb",
)


@pytest.mark.parametrize("text", IDS)
def test_what_can_be_an_id_of_percipios(text: str) -> None:
    assert config.is_identifier(text)


@pytest.mark.parametrize("text", [*NO_IDS, "acme\x00", "acme\ud83d", "\u202eacme"])
def test_what_cannot(text: str) -> None:
    assert not config.is_identifier(text)


# What of a configuration changes no statement that is made already.
SHAPES_NOTHING = {
    "api_url",
    "token_url",
    "client_secret",
    "policy",
    "batch_size",
    "timeout",
    "send_skipped",
    "accounts",
    "catalog",
    "unusable",
}


def test_every_field_shapes_statements_or_is_known_not_to() -> None:
    names = {field.name for field in fields(Configuration)}
    assert names - set(SHAPING) == SHAPES_NOTHING


def test_the_fingerprint_is_that_of_what_shapes_statements(settings: Any) -> None:
    made = config.build(1, values())
    assert made.fingerprint == config.build(1, values(batch_size=7, timeout=9)).fingerprint
    assert made.fingerprint == config.build(1, values(catalog="chosen", catalog_duration=60)).fingerprint
    others = [
        config.build(2, values()),
        config.build(1, values(organization_id="org-2")),
        config.build(1, values(content_id="course_run")),
        config.build(1, values(learner_id="username")),
        config.build(1, values(learners="sso:acme")),
        config.build(1, values(modes=["verified"])),
        config.build(1, values(send_names=False)),
        config.build(1, values(catalog="chosen", courses="catalog")),
        config.build(1, values(catalog="all visible", courses="catalog")),
        replace(made, own_credentials=True),
    ]
    found = {made.fingerprint, *(one.fingerprint for one in others)}
    assert len(found) == 1 + len(others)
    settings.PLATFORM_NAME = "Another name"
    assert config.build(1, values()).fingerprint not in found
    assert config.build(1, values(), {"PLATFORM_NAME": "Demo Academy"}).fingerprint == made.fingerprint
    assert config.build(1, values(), {"LMS_ROOT_URL": "https://b.example"}).fingerprint not in found


USUAL = {Kind.STARTED, Kind.PROGRESSED, Kind.PASSED, Kind.COMPLETED}


@pytest.mark.parametrize(
    ("given", "milestones"),
    [
        (DEFAULTS["PERCIPIO_MILESTONES"], USUAL),
        ("started,  completed,", {Kind.STARTED, Kind.COMPLETED}),
        (("failed", "failed"), {Kind.FAILED}),
        ("all", USUAL | {Kind.FAILED}),
        (["all"], USUAL | {Kind.FAILED}),
    ],
)
def test_the_milestones_that_a_site_chooses(given: Any, milestones: set[Kind]) -> None:
    assert config.build(1, values(milestones=given)).policy.milestones == milestones


@pytest.mark.parametrize(
    ("given", "modes"),
    [
        ([], ()),
        ("", ()),
        ("all", ()),
        (["verified", "all"], ()),
        ("verified, audit", ("audit", "verified")),
        (["no-id-professional"], ("no-id-professional",)),
    ],
)
def test_the_modes_that_a_site_chooses(given: Any, modes: tuple[str, ...]) -> None:
    assert config.build(1, values(modes=given)).modes == modes


def test_a_choice_of_learners_is_asked_for() -> None:
    assert DEFAULTS["PERCIPIO_LEARNERS"] == ""
    with pytest.raises(PercipioConfigurationError) as caught:
        config.build(1, values(learners=""))
    for choice in ("all", "sso:<provider>", "sso:<key>=<value>"):
        assert choice in str(caught.value)
