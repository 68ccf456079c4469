"""The command line of the sandbox."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

from percipio_sandbox.journal import SeenRequest
from percipio_sandbox.running import Sandbox
from percipio_sandbox.scenarios.catalog import describe_all
from percipio_sandbox.scenarios.model import ScenarioError

_EPILOG = """\
A scenario is NAME[=ARGUMENT][:COUNT], several of them with commas between:
  server-500:3                three API requests fail, then all is well
  throttled-429-seconds=5:2   two requests are told to come back in five seconds
  outage:60                   nothing works for a minute
  flaky=0.3                   three requests in ten meet a fault (see --seed)
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="percipio-sandbox",
        description="A pretend Percipio on this machine, for tests, demonstrations and sites without credentials.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=8765, help="port to listen on; 0 takes a free one (default %(default)s)")
    add("--name", action="append", default=[], metavar="HOST", help=_NAME_HELP)
    add("--scenario", default="ok", help="what goes wrong, see below (default %(default)s)")
    add("--list-scenarios", action="store_true", help="print all scenarios and leave")
    add("--record", type=Path, metavar="FILE", help="append each accepted statement to FILE, a JSON line each")
    add("--track-record", type=Path, metavar="FILE", help="append each accepted Track record to FILE, likewise")
    add("--content-record", type=Path, metavar="FILE", help="append each accepted item of the catalog, likewise")
    add("--journal", type=Path, metavar="FILE", help="append all to FILE, with who sent them where and when")
    add("--client", action="append", default=[], metavar="ID:SECRET[:PARTNER[:ORG...]]", help=_CLIENT_HELP)
    add("--deny", action="append", default=[], metavar="ID:PERMISSION", help=_DENY_HELP)
    add("--organization", action="append", default=[], metavar="ID", help=_ORGANIZATION_HELP)
    add("--known-content-only", action="store_true", help="refuse tracking of content that is not in the catalog")
    add("--token-lifetime", type=_positive, default=36_000, metavar="SECONDS", help="default %(default)s")
    add("--max-batch", type=_positive, metavar="N", help="refuse batches of more than N statements with 413")
    add("--keep", type=_positive, metavar="N", help="hold only the latest N statements in memory")
    add("--latency", type=_positive, default=0, metavar="MS", help="milliseconds that each answer waits")
    add("--tls", type=Path, nargs=2, metavar=("CERT", "KEY"), help="speak TLS with these PEM files")
    add("--seed", type=int, default=0, help="of everything that happens by chance (default %(default)s)")
    add("--quiet", action="store_true", help="print no line for each request")
    return parser


_NAME_HELP = "a further host that it is reached by, repeatable; requests for any other are refused with 421"
_DENY_HELP = "a permission that an account lacks, repeatable: CONTENT_IMPORT or CONTENT_AGGREGATION"
_ORGANIZATION_HELP = "an organization that has a catalog, repeatable; with none, every id is one"
_CLIENT_HELP = "an account that is known, repeatable; with none, every id with every secret is an account"


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError("must be a whole number above 0")
    return int(text)


def _say(request: SeenRequest) -> None:
    status = "no answer" if request.status is None else str(request.status)
    items = f" items={request.items}" if request.items else ""
    print(f"{request.received:%H:%M:%S} {request.method} {request.path} {status}{items}", flush=True)


def _sandbox(options: argparse.Namespace) -> Sandbox:
    return Sandbox(
        options.scenario,
        options.record,
        track_record=options.track_record,
        content_record=options.content_record,
        journal=options.journal,
        host=options.host,
        port=options.port,
        names=options.name,
        seed=options.seed,
        clients=options.client,
        deny=options.deny,
        organizations=options.organization,
        known_content_only=options.known_content_only,
        token_lifetime=options.token_lifetime,
        max_batch=options.max_batch,
        keep=options.keep,
        latency=options.latency / 1000,
        tls=None if options.tls is None else (options.tls[0], options.tls[1]),
        observer=None if options.quiet else _say,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until SIGINT or SIGTERM; return the exit status.

    0 after a clean end, 1 when the address or a file cannot be had, 2 for a mistake in the arguments.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.list_scenarios:
        print(describe_all())
        return 0
    try:
        sandbox = _sandbox(options)
    except ScenarioError as error:
        parser.error(f"{error} (see --list-scenarios)")
    except (ValueError, OverflowError) as error:
        parser.error(str(error))
    except OSError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return 1
    _serve(sandbox, options)
    return 0


def _serve(sandbox: Sandbox, options: argparse.Namespace) -> None:
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with sandbox:
        where = f"percipio sandbox at {sandbox.url}/ token URL {sandbox.token_url} scenario {options.scenario}"
        print(where, flush=True)
        if not _is_loopback(options.host):
            print("warning: other machines can reach this sandbox and read what it holds", file=sys.stderr, flush=True)
        ended.wait()
