"""Whether one site can reach Percipio and may write there, step by step, with the fix for each step that fails.

Stores nothing at Percipio: it reads one statement and sends an empty batch (or, with the Track API, an empty record,
which is malformed). The causes are those of "Troubleshooting and Error Codes" on Skillsoft's page *Tracking Content and
Learning Activity*, and of the way there: proxy, certificate, clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from percipio_openedx.config import Configuration
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.client import XAPI_VERSION
from percipio_openedx.delivery.exchange import Reply, exchange
from percipio_openedx.delivery.outcomes import is_challenge, is_page
from percipio_openedx.delivery.retry import seconds_until
from percipio_openedx.delivery.statuses import json_of
from percipio_openedx.enums import Api
from percipio_openedx.exceptions import DeliveryError, PercipioConfigurationError
from percipio_openedx.operations import connection_fixes as fixes
from percipio_openedx.operations.findings import Finding, Verdict, doubtful, skipped, well, wrong
from percipio_openedx.redaction import words_of
from percipio_openedx.secret import Secret

# Seconds that one of the four requests may wait; somebody is looking at the page.
PATIENCE = 5.0
# A clock that is more seconds off than this makes tokens look expired, or not yet valid.
LARGEST_SKEW = 120.0
_HEADERS = {"X-Experience-API-Version": XAPI_VERSION}
_JSON = {"Content-Type": "application/json"}
# Seen by the part of Percipio that checks content: who may not write does not get there.
_WRITABLE = frozenset({200, 201, 202, 204, 207, 400, 409, 422})


def examine(configuration: Configuration) -> list[Finding]:
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
    return done + [skipped(words, "") for name, words in names.items() if name not in tried]


def is_well(steps: list[Finding]) -> bool:
    """Return whether statements can be delivered: a step that is wrong leaves those after it untried."""
    return all(step.verdict is not Verdict.WRONG for step in steps)


def _steps(configuration: Configuration) -> list[Finding]:
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
        return [*steps, wrong("token", error.message, fixes.of_the_token(error, configuration.token_url))]
    except PercipioConfigurationError as error:
        return [*steps, _not_reached("token", error, configuration.token_url)]
    steps.append(well("token"))
    for attempt in (_read, _write):
        step = attempt(configuration, token)
        steps.append(step)
        if step.verdict is Verdict.WRONG:
            break
    return steps


def _not_reached(name: str, error: DeliveryError | PercipioConfigurationError, url: str) -> Finding:
    """No answer, or no request: where the host stands at an address that may not be reached."""
    if isinstance(error, PercipioConfigurationError):
        return wrong(name, error.words, fixes.private_address(url))
    return wrong(name, error.message, fixes.of_the_way(error.message, url))


def _reached(reply: Reply, url: str) -> Finding:
    """Without a token any answer will do, but for a proxy's or a redirection."""
    if reply.status == 407:
        return wrong("reach", _("407: the proxy wants a name and a password"), fixes.proxy())
    if 300 <= reply.status < 400:
        return wrong("reach", _("%s: a redirect, which is not followed") % reply.status, fixes.region(url))
    return well("reach", _("in %s milliseconds") % max(1, round(reply.duration * 1000)))


def _clock(headers: Mapping[str, str], now: datetime) -> Finding:
    """Compare with the ``Date`` of the answer (RFC 9110 6.6.1), which counts whole seconds."""
    ahead = seconds_until(headers.get("Date", ""), now)
    if ahead is None:
        return skipped("clock", _("the answer does not say what time it is there"))
    seconds = round(abs(ahead))
    if abs(ahead) > LARGEST_SKEW:
        way = _("ahead of") if ahead < 0 else _("behind")
        words = _("%(seconds)s seconds %(way)s Percipio's") % {"seconds": seconds, "way": way}
        return doubtful("clock", words, fixes.clock())
    return well("clock", _("within %s seconds of Percipio's") % max(1, seconds))


def _read(configuration: Configuration, token: Secret) -> Finding:
    """One statement, or none, of this site's organization."""
    if configuration.api is Api.TRACK:
        return skipped("read", _("not tried: the Track API has nothing to read"))
    url = configuration.endpoint("statements", configuration.organization) + "?limit=1"
    try:
        reply = exchange("GET", url, timeout=configuration.timeout, token=token, headers=_HEADERS)
    except (DeliveryError, PercipioConfigurationError) as error:
        return _not_reached("read", error, url)
    if reply.status == 200:
        if isinstance(json_of(reply.body), dict):
            return well("read")
        return wrong("read", _("%s, but not an answer of Percipio's") % reply.status, fixes.region(url))
    seen = _seen(reply, configuration, token)
    if reply.status in (400, 405, 501):
        return doubtful("read", seen, _("Reading back is not offered here; sending does not need it."))
    return wrong("read", seen, fixes.of_the_status(reply.status, configuration))


def _write(configuration: Configuration, token: Secret) -> Finding:
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
            return wrong("write", _("%s, but not an answer of Percipio's") % reply.status, fixes.region(url))
        return well("write", _("%s to an empty request: nothing was stored") % reply.status)
    seen = _seen(reply, configuration, token)
    return wrong("write", seen, fixes.of_the_status(reply.status, configuration))


@sensitive_variables()
def _seen(reply: Reply, configuration: Configuration, token: Secret) -> str:
    secrets = (token.reveal(), configuration.client_secret.reveal())
    said = words_of(reply.body, secrets) or _("no words")
    return f"{reply.status}: {said}"[:300]
