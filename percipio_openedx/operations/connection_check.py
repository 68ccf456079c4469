"""Whether one site can reach Percipio and may write there, step by step, with the mend for each step that fails.

Stores nothing at Percipio: it reads one statement and sends an empty batch (or, with the Track API, an empty record,
which is malformed). The causes are those of "Troubleshooting and Error Codes" on Skillsoft's page *Tracking Content and
Learning Activity*, and of the way there: proxy, certificate, clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from percipio_openedx.codes import Api
from percipio_openedx.config import Configuration
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.client import XAPI_VERSION
from percipio_openedx.delivery.exchange import Reply, exchange
from percipio_openedx.delivery.outcomes import is_challenge, is_page
from percipio_openedx.delivery.retry import seconds_until
from percipio_openedx.delivery.statuses import json_of
from percipio_openedx.exceptions import DeliveryError, PercipioConfigurationError
from percipio_openedx.operations import connection_fixes as fixes
from percipio_openedx.redaction import words_of
from percipio_openedx.secrets import Secret

# Seconds that one of the four requests may wait; somebody is looking at the page.
PATIENCE = 5.0
# A clock that is more seconds off than this makes tokens look expired, or not yet valid.
LARGEST_SKEW = 120.0
_HEADERS = {"X-Experience-API-Version": XAPI_VERSION}
_JSON = {"Content-Type": "application/json"}
# Seen by the part of Percipio that checks content: who may not write does not get there.
_WRITABLE = frozenset({200, 201, 202, 204, 207, 400, 409, 422})


class Verdict(StrEnum):
    """How a step went. *Doubtful* does not keep statements from being delivered; *skipped* was not tried."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was tried: its name, how it went, what was seen, and what to do."""

    name: str
    verdict: Verdict
    seen: str = ""
    mend: str = ""


def examine(configuration: Configuration) -> list[Step]:
    """Try the way, the clock, the token, a read and an empty write, in that order; what follows a failure is skipped.

    Arguments:
        configuration: the site's, from ``config.build``; whether the site is switched on does not matter.
    """
    configuration = replace(configuration, timeout=min(configuration.timeout, PATIENCE))
    names = {
        "reach": _("Percipio's API answers"),
        "clock": _("This server's clock is right"),
        "token": _("The token endpoint gives a token"),
        "read": _("Statements can be read"),
        "write": _("Statements can be written") if configuration.api is Api.STATEMENTS else _("Records can be written"),
    }
    steps = _steps(configuration)
    done = [replace(step, name=names[step.name]) for step in steps]
    tried = {step.name for step in steps}
    return done + [Step(words, Verdict.SKIPPED) for name, words in names.items() if name not in tried]


def is_well(steps: list[Step]) -> bool:
    """Whether statements can be delivered."""
    return all(step.verdict in (Verdict.WELL, Verdict.DOUBTFUL) for step in steps)


def _steps(configuration: Configuration) -> list[Step]:
    url = configuration.endpoint("statements", configuration.organization)
    try:
        reply = exchange("GET", url, timeout=configuration.timeout, headers=_HEADERS)
    except (DeliveryError, PercipioConfigurationError) as error:
        return [_not_reached("reach", error, url)]
    steps = [_reached(reply, url), _clock(reply.headers, timezone.now())]
    if steps[0].verdict is Verdict.WRONG:
        return steps
    try:
        token = tokens.fetch(configuration).value
    except DeliveryError as error:
        return [*steps, Step("token", Verdict.WRONG, error.message, fixes.of_the_token(error, configuration.token_url))]
    except PercipioConfigurationError as error:
        return [*steps, _not_reached("token", error, configuration.token_url)]
    steps.append(Step("token", Verdict.WELL))
    for attempt in (_read, _write):
        step = attempt(configuration, token)
        steps.append(step)
        if step.verdict is Verdict.WRONG:
            break
    return steps


def _not_reached(name: str, error: DeliveryError | PercipioConfigurationError, url: str) -> Step:
    """No answer, or no request: where the host stands at an address that may not be reached."""
    if isinstance(error, PercipioConfigurationError):
        return Step(name, Verdict.WRONG, error.words, fixes.private_address(url))
    return Step(name, Verdict.WRONG, error.message, fixes.of_the_way(error.message, url))


def _reached(reply: Reply, url: str) -> Step:
    """Without a token any answer will do, but for a proxy's or a redirection."""
    if reply.status == 407:
        return Step("reach", Verdict.WRONG, _("407: the proxy wants a name and a password"), fixes.proxy())
    if 300 <= reply.status < 400:
        return Step(
            "reach", Verdict.WRONG, _("%s: a redirect, which is not followed") % reply.status, fixes.region(url)
        )
    return Step("reach", Verdict.WELL, _("in %s milliseconds") % max(1, round(reply.duration * 1000)))


def _clock(headers: Mapping[str, str], now: datetime) -> Step:
    """Compare with the ``Date`` of the answer (RFC 9110 6.6.1), which counts whole seconds."""
    ahead = seconds_until(headers.get("Date", ""), now)
    if ahead is None:
        return Step("clock", Verdict.DOUBTFUL, _("the answer does not say what time it is there"))
    seconds = round(abs(ahead))
    if abs(ahead) > LARGEST_SKEW:
        way = _("ahead of") if ahead < 0 else _("behind")
        words = _("%(seconds)s seconds %(way)s Percipio's") % {"seconds": seconds, "way": way}
        return Step("clock", Verdict.DOUBTFUL, words, fixes.clock())
    return Step("clock", Verdict.WELL, _("within %s seconds of Percipio's") % max(1, seconds))


def _read(configuration: Configuration, token: Secret) -> Step:
    """One statement, or none, of this site's organization."""
    if configuration.api is Api.TRACK:
        return Step("read", Verdict.DOUBTFUL, _("not tried: the Track API has nothing to read"))
    url = configuration.endpoint("statements", configuration.organization) + "?limit=1"
    try:
        reply = exchange("GET", url, timeout=configuration.timeout, token=token, headers=_HEADERS)
    except (DeliveryError, PercipioConfigurationError) as error:
        return _not_reached("read", error, url)
    if reply.status == 200:
        if isinstance(json_of(reply.body), dict):
            return Step("read", Verdict.WELL)
        return Step("read", Verdict.WRONG, _("%s, but not an answer of Percipio's") % reply.status, fixes.region(url))
    seen = _seen(reply, configuration, token)
    if reply.status in (400, 405, 501):
        return Step("read", Verdict.DOUBTFUL, seen, _("Reading back is not offered here; sending does not need it."))
    return Step("read", Verdict.WRONG, seen, fixes.of_the_status(reply.status, configuration))


def _write(configuration: Configuration, token: Secret) -> Step:
    """An empty batch, or an empty record: refused for its content or taken as nothing, if writing is allowed."""
    resource, body = ("track", b"{}") if configuration.api is Api.TRACK else ("statements", b"[]")
    url = configuration.endpoint(resource, configuration.organization)
    headers = _JSON if configuration.api is Api.TRACK else {**_JSON, **_HEADERS}
    try:
        reply = exchange("POST", url, timeout=configuration.timeout, token=token, body=body, headers=headers)
    except (DeliveryError, PercipioConfigurationError) as error:
        return _not_reached("write", error, url)
    if reply.status in _WRITABLE:
        if is_challenge(reply.headers) or is_page(reply.status, reply.body):
            return Step(
                "write", Verdict.WRONG, _("%s, but not an answer of Percipio's") % reply.status, fixes.region(url)
            )
        return Step("write", Verdict.WELL, _("%s to an empty request: nothing was stored") % reply.status)
    seen = _seen(reply, configuration, token)
    return Step("write", Verdict.WRONG, seen, fixes.of_the_status(reply.status, configuration))


@sensitive_variables()
def _seen(reply: Reply, configuration: Configuration, token: Secret) -> str:
    secrets = (token.reveal(), configuration.client_secret.reveal())
    return f"{reply.status}: {words_of(reply.body, secrets) or _('no words')}"[:300]
