"""Hostile inputs for what stands in front of the database: the admin's configuration form, and the statement resource.

Each function makes the rows that its target needs in the test database, and returns the target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from django.contrib.sites.models import Site
from django.test import override_settings
from hypothesis import strategies as st

from benchmarks.proof.hostile import JSON, Target
from benchmarks.proof.questions import headers, odd_pair, pair
from percipio_openedx import config
from percipio_openedx.admin.configuration_form import SECRET_NAME, PercipioConfigurationForm
from percipio_openedx.enums import Kind
from percipio_openedx.models import PercipioConfiguration, Statement
from tests.integration.lrs.puller import Puller
from tests.integration.lrs.rows import a_client, add

CANARY = "canary-of-the-fuzz-41c9"

# --- the form --------------------------------------------------------------------------------------------------------

_LIKELY = {
    "site": st.sampled_from(["1", "2", "", "x", "-1", "9" * 30]),
    "enabled": st.sampled_from(["on", "", "false"]),
    "region": st.sampled_from(["us", "eu", "development", "custom", "", "mars"]),
    "api": st.sampled_from(["statements", "track", ""]),
    "send_names": st.sampled_from(["unknown", "true", "false", "2", ""]),
    "send_skipped": st.sampled_from(["unknown", "true", "false", "2", ""]),
    "started_on": st.sampled_from(["enrollment", "first_activity", ""]),
    "completed_on": st.sampled_from(["course", "passed", "progress", "certificate", "any", ""]),
    "learners": st.sampled_from(["", "all", "sso", "sso:x", "x"]),
    "learners_sso": st.sampled_from(["", "tpa-saml", "sso:x"]),
    "modes": st.sampled_from(["", "all", "verified, audit", ",", "\x00"]),
    "milestones": st.sampled_from(["", "all", "started,completed", "won"]),
    "retakes": st.sampled_from(["completions", "everything", "first_only", ""]),
    "undone": st.sampled_from(["keep", "retract", ""]),
    "locked_units": st.sampled_from(["count", "leave_out", ""]),
    "progress_from": st.sampled_from(["platform", "aggregator", ""]),
    "learner_id": st.sampled_from(["email", "sso:x", "sso:", ""]),
    "content_id": st.sampled_from(["course", "url", ""]),
    "catalog": st.sampled_from(["chosen", "all visible", ""]),
    "courses": st.sampled_from(["all", "catalog", ""]),
    "catalog_duration": st.integers(-2, 4_000_000).map(str),
    "client_id": st.sampled_from(["acme-client", "other", ""]),
    SECRET_NAME: st.sampled_from([CANARY, ""]),
    **dict.fromkeys(("progress_step", "batch_size", "timeout"), st.integers(-2, 600).map(str)),
    **dict.fromkeys(
        ("api_url", "token_url"),
        st.sampled_from(
            [
                *("https://api.percipio.com", "http://127.0.0.1:1", "https://10.0.0.1", "https://[::ffff:10.0.0.1]/t"),
                *("https://2130706433", "https://[", "http://[::1%25x]", "https://a:b@c", "//h", "https://h:99999"),
            ]
        ),
    ),
}
_ODD = st.text(max_size=40) | st.sampled_from(["\x00", "\u0661\u0662", "1e3", "x" * 3000, "\u202e"]) | JSON.map(str)
FORMS = st.fixed_dictionaries(
    {},
    optional={
        name: _LIKELY.get(name, _ODD) | _ODD
        for name in ("site", "enabled", SECRET_NAME, "learners_sso", *config.FIELDS)
    },
)


def form() -> Target:
    """A new version of a site's configuration, as a browser sends it: taken or explained, and no secret in the page."""
    PercipioConfiguration.objects.create(
        site=Site.objects.get(pk=1),
        enabled=True,
        partner_name="acme",
        client_id="acme-client",
        client_secret=CANARY,
        learners="all",
    )
    return Target(FORMS, _filled)


def _filled(given: dict[str, str]) -> None:
    filled = PercipioConfigurationForm(data=given)
    if filled.is_valid():
        row = PercipioConfiguration(**filled.cleaned_data)
        if row.enabled:
            # What the form takes is what the plugin can work with.
            config.build(row.site_id, config.values_of(row))
    elif not filled.errors:
        raise AssertionError("neither taken nor explained")
    if CANARY in str(filled.errors) or (CANARY not in _typed_openly(given) and CANARY in filled.as_div()):
        raise AssertionError("the form shows the secret")


def _typed_openly(given: dict[str, str]) -> str:
    """What was typed into the fields that a page shows again."""
    return " ".join(value for name, value in given.items() if name not in (SECRET_NAME, "client_secret"))


# --- the statement resource ------------------------------------------------------------------------------------------

_BYTES = st.binary(max_size=200).map(lambda query: quote(query, safe="%&=;+?/:@!$'()*,~-._"))
_PAIRS = st.lists(pair | odd_pair, max_size=5).map(lambda pairs: urlencode(pairs, errors="surrogatepass"))
QUESTIONS = st.tuples(_PAIRS | _PAIRS | _BYTES, headers)


def api() -> Target:
    """A pull client's requests, through the whole of Django: answered or refused, and never another site's row."""
    other = Site.objects.create(domain="other.example.com", name="other")
    for site_id in (1, other.pk):
        completed = add(1, 1, Kind.COMPLETED, site_id=site_id)
        add(1, 1, Kind.RETRACTED, retracts=completed, site_id=site_id)
        add(2, 1, Kind.STARTED, site_id=site_id)
    theirs = [str(row.uuid).encode() for row in Statement.objects.filter(site_id=other.pk)]
    return Target(QUESTIONS, _asking(Puller(a_client()), theirs))


def _asking(puller: Puller, theirs: list[bytes]) -> Callable[[tuple[str, dict[str, str]]], None]:
    def ask(given: tuple[str, dict[str, str]]) -> None:
        query, sent = given
        with override_settings(PERCIPIO_PULL_RATE=""):
            response: Any = puller.get(query, headers=sent)
        if response.status_code not in (200, 400, 404):
            raise AssertionError(f"status {response.status_code}")
        if any(uuid in response.content for uuid in theirs):
            raise AssertionError("another site's statement")

    return ask


PAGES: dict[str, Callable[[], Target]] = {"form": form, "api": api}
