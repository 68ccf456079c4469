"""Check step by step whether a site can reach Percipio and write there, with a fix for each failure.

Stores nothing at Percipio: it reads one statement and sends an empty batch (or, for the Track API, an empty and thus
malformed record), and an empty item of the catalog. The causes are those of "Troubleshooting and Error Codes" on
Skillsoft's page *Tracking Content and Learning Activity*, plus proxy, certificate and clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables

from percipio_openedx.config import Configuration
from percipio_openedx.config.addresses import read_url
from percipio_openedx.delivery import tokens
from percipio_openedx.delivery.bodies import parsed
from percipio_openedx.delivery.exchange import Reply, exchange
from percipio_openedx.delivery.outcomes import Answer, DeliveryError, is_challenge, is_page, seconds_until
from percipio_openedx.encryption import Secret
from percipio_openedx.enums import Api, Offering, Outcome
from percipio_openedx.exceptions import PercipioConfigurationError
from percipio_openedx.operations.checks import CheckResult, CheckVerdict, doubtful, skipped, well, wrong
from percipio_openedx.redaction import message_of
from percipio_openedx.statements.vocabulary import XAPI_VERSION

# Seconds per request, of which there are up to five; a person is waiting.
PATIENCE = 5.0
# A clock off by more seconds makes tokens look expired or not yet valid.
LARGEST_SKEW = 120.0
_HEADERS = {"X-Experience-API-Version": XAPI_VERSION}
_JSON = {"Content-Type": "application/json"}
# Statuses from behind the permission check: without write permission a request does not get this far.
_WRITABLE = frozenset({200, 201, 202, 204, 207, 400, 409, 422})
# Of the service account (Skillsoft's page *Authentication and Access*).
TRACKING, CATALOG = "CONTENT_AGGREGATION", "CONTENT_IMPORT"

_PROXY = gettext_lazy(
    "The proxy of this server's environment (HTTPS_PROXY) stands in the way: check its address and credentials, or "
    "name Percipio's hosts in NO_PROXY."
)
_PRIVATE = gettext_lazy(
    "Percipio's own hosts have public addresses. Check the region, the address, and what this server's DNS says of "
    "%(host)s. If it is meant to stand inside your network, add it to PERCIPIO_PRIVATE_HOSTS in the LMS's settings."
)
NO_ORGANIZATION = gettext_lazy("there is no organization id, and the catalog's address needs one")
ASK_FOR_ORGANIZATION = gettext_lazy(
    "Ask Skillsoft for the id of your Percipio organization, and set PERCIPIO_ORGANIZATION_ID."
)
_BUSY = gettext_lazy("Percipio asks for a pause. Try again in a few minutes.")


def examine(configuration: Configuration) -> list[CheckResult]:
    """Check route, clock, token, read and empty write, in that order, and the catalog where there is one.

    What follows a failure is skipped, except that each of the two permissions is judged by itself. The configuration
    comes from ``config.build``, switched on or not.
    """
    names = {
        "reach": _("Percipio's API answers"),
        "clock": _("This server's clock is right"),
        "token": _("The token endpoint gives a token"),
        "read": _("Statements can be read"),
        "write": _("Statements can be written") if configuration.api is Api.STATEMENTS else _("Records can be written"),
    }
    if configuration.catalog.offering is not Offering.NONE:
        names["catalog"] = _("Items of the catalog can be written")
    short = replace(configuration, timeout=min(configuration.timeout, PATIENCE))
    done = {step.name: replace(step, name=names[step.name]) for step in _steps(short)}
    return [done.get(step) or skipped(name, "") for step, name in names.items()]


def is_well(steps: Iterable[CheckResult]) -> bool:
    """Return whether everything can be sent that the site sends: no step is wrong."""
    return all(step.verdict is not CheckVerdict.WRONG for step in steps)


def _steps(configuration: Configuration) -> Iterator[CheckResult]:
    step, url = "reach", configuration.endpoint("statements", configuration.organization)
    try:
        reply = exchange("GET", url, timeout=configuration.timeout, headers=_HEADERS)
        reached = _reached(reply, url)
        yield reached
        yield _clock(reply.headers, timezone.now())
        if reached.verdict is CheckVerdict.WRONG:
            return
        step, url = "token", configuration.token_url
        token = tokens.fetch(configuration).value
        yield well("token")
        step, url = "read", configuration.endpoint("statements", configuration.organization) + "?limit=1"
        read = _read(url, configuration, token)
        yield read
        if read.verdict is not CheckVerdict.WRONG:
            resource = "track" if configuration.api is Api.TRACK else "statements"
            step, url = "write", configuration.endpoint(resource, configuration.organization)
            yield _write(url, configuration, token)
        if configuration.catalog.offering is not Offering.NONE:
            step, url = "catalog", configuration.endpoint("content", configuration.organization)
            yield _catalog(url, configuration, token)
    except DeliveryError as error:
        answer = error.answer
        fix = _token_fix(answer, url) if step == "token" else _way_fix(answer.message, url)
        yield wrong(step, answer.message, fix)
    except PercipioConfigurationError as error:
        yield wrong(step, error.message, _PRIVATE % {"host": read_url(url).host})


def _reached(reply: Reply, url: str) -> CheckResult:
    """Accept any answer, since no token was sent, except a proxy's or a redirect."""
    if reply.status == 407:
        return wrong("reach", _("407: the proxy wants a name and a password"), str(_PROXY))
    if 300 <= reply.status < 400:
        return wrong("reach", _("%s: a redirect, which is not followed") % reply.status, _region(url))
    return well("reach", _("in %s milliseconds") % max(1, round(reply.duration * 1000)))


def _clock(headers: Mapping[str, str], now: datetime) -> CheckResult:
    """Compare with the answer's ``Date`` (RFC 9110 6.6.1), in whole seconds."""
    ahead = seconds_until(headers.get("Date", ""), now)
    if ahead is None:
        return skipped("clock", _("the answer does not say what time it is there"))
    seconds = round(abs(ahead))
    if abs(ahead) <= LARGEST_SKEW:
        return well("clock", _("within %s seconds of Percipio's") % max(1, seconds))
    way = _("ahead of") if ahead < 0 else _("behind")
    seen = _("%(seconds)s seconds %(way)s Percipio's") % {"seconds": seconds, "way": way}
    fix = _("Set this server's clock by a time service (NTP): tokens are valid from one moment to another.")
    return doubtful("clock", seen, fix)


def _read(url: str, configuration: Configuration, token: Secret) -> CheckResult:
    """Read at most one statement of this site's organization."""
    if configuration.api is Api.TRACK:
        return skipped("read", _("not tried: the Track API has nothing to read"))
    reply = exchange("GET", url, timeout=configuration.timeout, token=token, headers=_HEADERS)
    if reply.status == 200:
        return well("read") if isinstance(parsed(reply.body), dict) else _not_percipios("read", reply, url)
    seen = _seen(reply, configuration, token)
    if reply.status in (400, 405, 501):
        return doubtful("read", seen, _("Reading back is not offered here; sending does not need it."))
    return wrong("read", seen, _status_fix(reply.status, configuration))


def _write(url: str, configuration: Configuration, token: Secret) -> CheckResult:
    body, headers = (b"{}", _JSON) if configuration.api is Api.TRACK else (b"[]", {**_JSON, **_HEADERS})
    return _send_empty("write", url, configuration, token, body, headers, TRACKING)


def _catalog(url: str, configuration: Configuration, token: Secret) -> CheckResult:
    """Send an item without any field, where the address can be made; without a need to send it, no failure is wrong."""
    if configuration.organization:
        found = _send_empty("catalog", url, configuration, token, b"{}", _JSON, CATALOG)
    else:
        found = wrong("catalog", str(NO_ORGANIZATION), str(ASK_FOR_ORGANIZATION))
    is_needed = configuration.catalog.push or found.verdict is not CheckVerdict.WRONG
    return found if is_needed else doubtful("catalog", found.seen, found.fix)


def _send_empty(
    name: str,
    url: str,
    configuration: Configuration,
    token: Secret,
    body: bytes,
    headers: Mapping[str, str],
    permission: str,
) -> CheckResult:
    """Send an empty request: with the permission it is refused for its content or accepted as empty.

    That a missing permission is judged first is an assumption, as every service with OAuth2 that we know does it.
    """
    reply = exchange("POST", url, timeout=configuration.timeout, token=token, body=body, headers=headers)
    if reply.status not in _WRITABLE:
        fix = _status_fix(reply.status, configuration, permission)
        return wrong(name, _seen(reply, configuration, token), fix)
    if is_challenge(reply.headers) or is_page(reply.status, reply.body):
        return _not_percipios(name, reply, url)
    return well(name, _("%s to an empty request: nothing was stored") % reply.status)


def _not_percipios(name: str, reply: Reply, url: str) -> CheckResult:
    return wrong(name, _("%s, but not an answer of Percipio's") % reply.status, _region(url))


@sensitive_variables()
def _seen(reply: Reply, configuration: Configuration, token: Secret) -> str:
    secrets = (token.reveal(), configuration.client_secret.reveal())
    said = message_of(reply.body, secrets) or _("no words")
    return f"{reply.status}: {said}"[:300]


def _region(url: str) -> str:
    return _("Check the region, or the address: %(host)s.") % {"host": read_url(url).host}


def _way_fix(message: str, url: str) -> str:
    """Return the fix where no answer came; the message ends with the class of the cause."""
    said = message.lower()
    if "proxy" in said:
        return str(_PROXY)
    if "certificate" in said or "tls" in said:
        fix = _(
            "The certificate of %(host)s is not trusted. A proxy that inspects traffic has to be left out for this "
            "host, or its authority added to the server's certificates (REQUESTS_CA_BUNDLE)."
        )
    elif "resol" in said or "gaierror" in said:
        fix = _("Nobody knows a host named %(host)s. Check the region, the address, and this server's DNS.")
    else:
        fix = _(
            "No connection to %(host)s. Check that the firewall lets this server out to it (HTTPS, port 443), whether "
            "a proxy has to be used (HTTPS_PROXY), and the region."
        )
    return fix % {"host": read_url(url).host}


def _token_fix(answer: Answer, url: str) -> str:
    if answer.status is None:
        return _way_fix(answer.message, url)
    if answer.status == 429:
        return str(_BUSY)
    if answer.outcome is Outcome.UNAUTHORIZED and answer.status not in (404, 405, 410):
        return _(
            "The client id or the client secret is wrong, or they belong to another region: credentials of one data "
            "center are unknown in the others. Type the secret again; if that does not help, ask Skillsoft whether "
            "the service account is still valid."
        )
    if answer.status >= 500:
        return _("Percipio's token endpoint has problems of its own. Try again later.")
    return _("What answers there is not Percipio's token endpoint. ") + _region(url)


def _status_fix(status: int, configuration: Configuration, permission: str = TRACKING) -> str:
    unknown = _("partner %s") % configuration.partner
    if configuration.organization:
        both = {"partner": unknown, "organization": configuration.organization}
        unknown = _("%(partner)s, or the organization %(organization)s") % both
    fixes = {
        401: _(
            "The token is not accepted. Token address and API address must belong to the same region; a wrong clock "
            "on this server has the same effect."
        ),
        403: _(
            "The service account may not do this. Ask Skillsoft to give it the permission %(permission)s, for the "
            "partner %(partner)s and the organization in use."
        )
        % {"permission": permission, "partner": configuration.partner},
        404: _("Percipio does not know the %(unknown)s. Check both names, and the region.") % {"unknown": unknown},
        407: str(_PROXY),
        429: str(_BUSY),
    }
    if status >= 500:
        return _("Percipio has problems of its own. What waits is sent by itself when that is over.")
    return fixes.get(status) or _region(configuration.api_url)
