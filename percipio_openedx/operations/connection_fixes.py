"""What an operator can do about a connection that does not work: one text for each cause.

Source of the causes: Skillsoft's page *Tracking Content and Learning Activity* (error codes, prerequisites), and what
the network in between does.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from percipio_openedx.config import Configuration
from percipio_openedx.config.addresses import read_url
from percipio_openedx.exceptions import DeliveryError, Throttled, Unauthorized, Unreachable


def of_the_way(words: str, url: str) -> str:
    """Where no answer came at all.

    Arguments:
        words: the message of the ``DeliveryError``, which ends with the class of the cause.
        url: where the request went.
    """
    said = words.lower()
    if "proxy" in said:
        return proxy()
    if "certificate" in said or "tls" in said:
        return _(
            "The certificate of %(host)s is not trusted. A proxy that inspects traffic has to be left out for this "
            "host, or its authority added to the server's certificates (REQUESTS_CA_BUNDLE)."
        ) % {"host": host_of(url)}
    if "resol" in said or "gaierror" in said:
        return _("Nobody knows a host named %(host)s. Check the region, the address, and this server's DNS.") % {
            "host": host_of(url)
        }
    return _(
        "No connection to %(host)s. Check that the firewall lets this server out to it (HTTPS, port 443), whether a "
        "proxy has to be used (HTTPS_PROXY), and the region."
    ) % {"host": host_of(url)}


def of_the_token(error: DeliveryError, url: str) -> str:
    """Where the token endpoint gave none."""
    if isinstance(error, Unreachable):
        return of_the_way(error.message, url)
    if isinstance(error, Throttled):
        return _("Percipio asks for a pause. Try again in a few minutes.")
    if isinstance(error, Unauthorized):
        if error.status in (404, 405, 410):
            return _("This is not the address of a token endpoint. ") + region(url)
        return _(
            "The client id or the client secret is wrong, or they belong to another region: credentials of one data "
            "centre are unknown in the others. Type the secret again; if that does not help, ask Skillsoft whether "
            "the service account is still valid."
        )
    if error.status is not None and error.status >= 500:
        return _("Percipio's token endpoint has trouble of its own. Try again later.")
    return _("What answers there is not Percipio's token endpoint. ") + region(url)


def of_the_status(status: int, configuration: Configuration) -> str:
    """Where the API answered, with a token that was just given."""
    if status == 401:
        return _(
            "The token is not accepted. Token address and API address must belong to the same region; a wrong clock "
            "on this server has the same effect."
        )
    if status == 403:
        return _(
            "The service account may not do this. Ask Skillsoft to give it the permission CONTENT_AGGREGATION, for the "
            "partner %(partner)s and the organization in use."
        ) % {"partner": configuration.partner}
    if status == 404:
        organization = configuration.organization
        unknown = _("partner %s") % configuration.partner
        if organization:
            unknown = _("%(partner)s, or the organization %(organization)s") % {
                "partner": unknown,
                "organization": organization,
            }
        return _("Percipio does not know the %(unknown)s. Check both names, and the region.") % {"unknown": unknown}
    if status == 407:
        return proxy()
    if status == 429:
        return _("Percipio asks for a pause. Try again in a few minutes.")
    if status >= 500:
        return _("Percipio has trouble of its own. What waits is sent by itself when that is over.")
    return region(configuration.api_url)


def private_address(url: str) -> str:
    """Where the host stands within one's own network."""
    return _(
        "Percipio's own hosts have public addresses. Check the region, the address, and what this server's DNS says of "
        "%(host)s. If it is meant to stand inside your network, add it to PERCIPIO_PRIVATE_HOSTS in the LMS's settings."
    ) % {"host": host_of(url)}


def proxy() -> str:
    """Where a proxy stands in the way."""
    return _(
        "The proxy of this server's environment (HTTPS_PROXY) stands in the way: check its address and credentials, or "
        "name Percipio's hosts in NO_PROXY."
    )


def region(url: str) -> str:
    """Where the address is wrong."""
    return _("Check the region, or the address: %(host)s.") % {"host": host_of(url)}


def clock() -> str:
    """Where the time is wrong."""
    return _("Set this server's clock by a time service (NTP): tokens are valid from one moment to another.")


def host_of(url: str) -> str:
    """The host that an address names."""
    return read_url(url).host
