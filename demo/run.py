#!/usr/bin/env python
"""The whole path on one machine: a class learns in the demo LMS, and a pretend Percipio hears of it.

Started by ``make demo``. It makes the LMS's database, starts a sandbox for each of two regions and a real Celery worker
on a broker that is a folder, sends the catalog, lives through a class, waits until everything has arrived, and says
what Percipio now knows. A second run finds the same class with the same acts, so nothing new arrives. With
``PERCIPIO_API_URL`` in the environment no sandbox is started, no catalog is sent, and that address is reported to.

It ends with status 1 where something has not been settled, where the LMS holds for delivered what no sandbox got, or
where a partner's record holds a learner who is not its own. SIGTERM and Ctrl-C end it with everything that it has
started.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

DEMO = Path(__file__).resolve().parent
ROOT = DEMO.parent
sys.path[0] = str(ROOT)

# Everything that the running demo writes, as in demo/settings.py.
VAR = Path(os.environ.get("DEMO_VAR", DEMO / "var"))

# Seconds that everything may take to arrive; the demo's class needs about ten.
PATIENCE = 100.0
SANDBOX_PORT = 8899
# How the sites' courses are offered; few of them say how long they take.
CATALOG = {
    "PERCIPIO_CATALOG": "all visible",
    "PERCIPIO_CATALOG_PUSH": "true",
    "PERCIPIO_CATALOG_DURATION": "3600",
    "PERCIPIO_ORGANIZATION_ID": "org-academy",
}
LMS_PORT = 8000


@dataclass(frozen=True)
class Region:
    """A sandbox that stands for a region of Percipio; its files' names hold ``mark``, empty for the first one."""

    name: str
    mark: str
    port: int
    record: Path
    scenario: str

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def file(self, kind: str = "") -> Path:
        """Where it keeps the statements, the Track records (``track``), or both with who sent them (``journal``)."""
        ends = [end for end in (self.mark, kind) if end]
        return self.record.with_name("-".join([self.record.stem, *ends]) + self.record.suffix)

    def options(self) -> list[str]:
        """What it is started with."""
        files = ["--record", str(self.file()), "--track-record", str(self.file("track"))]
        options = ["--port", str(self.port), "--scenario", self.scenario, "--quiet", *files]
        return [*options, "--known-content-only", "--journal", str(self.file("journal"))]


def main() -> int:
    """Run the demo; 0 when everything has arrived."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    chosen = _arguments()
    environment = _environment(chosen)
    os.environ.update(environment)
    for region in chosen.regions:
        _demand_port(region.port, "the sandbox", "--port names another one (the second sandbox takes the next)")
    if chosen.serve:
        _demand_port(chosen.lms_port, "the LMS", "--lms-port names another one")
    began = datetime.now(UTC), [_lines_of(region.file("journal")) for region in chosen.regions]
    with ExitStack() as stack:
        for region in chosen.regions:
            name = f"sandbox-{region.name}"
            log = VAR / f"{name}.log"
            before = log.stat().st_size if log.exists() else 0
            sandbox = stack.enter_context(_running(name, ["-m", "percipio_sandbox", *region.options()]))
            _wait_for(sandbox, log, before, f"percipio sandbox at {region.url}/")
        _say("Making the LMS: database, sites, courses, a login for the admin (some ten seconds, the first time)")
        _manage("setup_demo", "--courses", str(chosen.courses))
        if chosen.regions:
            _say("Percipio learns of the courses")
            _manage("percipio_run")
        stack.enter_context(_running("worker", ["-m", "celery", *_worker_options()]))
        _say(f"A class of {chosen.learners} learners in {chosen.courses} courses (seed {chosen.seed})")
        simulation = ["--learners", str(chosen.learners), "--courses", str(chosen.courses), "--seed", str(chosen.seed)]
        _manage("simulate", *simulation)
        has_arrived = _follow(chosen, *began)
        if chosen.serve:
            _serve(chosen)
    return 0 if has_arrived else 1


def _end(number: int, frame: FrameType | None) -> None:
    """Leave by the way on which everything that was started is ended; a second signal does not cut it short."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _demand_port(port: int, whose: str, mend: str) -> None:
    """See to it that nobody else answers there: the demo would report to a stranger.

    Raises:
        SystemExit: the port is held.
    """
    with socket.socket() as trial:
        # As the servers do: what an earlier run has left closing is in nobody's way.
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
            trial.listen()
        except OSError as error:
            raise SystemExit(f"port {port}, which {whose} needs, cannot be had ({error.strerror}): {mend}") from None


def _lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--learners", type=int, default=12, help="learners in the class")
    parser.add_argument("--courses", type=int, default=5, help="courses that they choose from")
    parser.add_argument("--seed", type=int, default=7, help="what happens; the same seed is the same class")
    parser.add_argument("--scenario", default="ok", help="how the sandbox behaves (see its --list-scenarios)")
    parser.add_argument(
        "--port",
        type=int,
        default=SANDBOX_PORT,
        help="port of the sandbox; that of the other region takes the next one",
    )
    parser.add_argument("--lms-port", type=int, default=LMS_PORT, help="port of the LMS, with --serve")
    parser.add_argument("--record", type=Path, default=DEMO / "received.jsonl", help="where what arrives is kept")
    parser.add_argument("--fresh", action="store_true", help="forget an earlier run first")
    parser.add_argument("--serve", action="store_true", help="leave the LMS and the sandbox's page open")
    chosen = parser.parse_args()
    has_sandboxes = "PERCIPIO_API_URL" not in os.environ
    names = (("us", ""), ("eu", "eu")) if has_sandboxes else ()
    chosen.regions = [
        Region(*name, chosen.port + number, chosen.record, chosen.scenario) for number, name in enumerate(names)
    ]
    if chosen.fresh:
        _forget(chosen)
    return chosen


def _environment(chosen: argparse.Namespace) -> dict[str, str]:
    """The environment of every process of the demo, unless the caller's environment says otherwise."""
    own = {"DJANGO_SETTINGS_MODULE": "demo.settings", "PYTHONUNBUFFERED": "1"}
    if chosen.regions:
        first, other = chosen.regions
        own["PERCIPIO_API_URL"] = first.url
        own["PERCIPIO_TOKEN_URL"] = f"{first.url}/oauth2-provider/token"
        own["DEMO_OTHER_REGION_URL"] = other.url
        # Not where the demo reports to the real Percipio: nobody can remove its courses there.
        own |= CATALOG
    return {**own, **{name: os.environ[name] for name in own if name.startswith("PERCIPIO_") and name in os.environ}}


def _forget(chosen: argparse.Namespace) -> None:
    shutil.rmtree(VAR, ignore_errors=True)
    for region in chosen.regions:
        for kind in ("", "track", "journal"):
            region.file(kind).unlink(missing_ok=True)


def _worker_options() -> list[str]:
    queues = "edx.lms.core.default,edx.lms.core.high,edx.lms.core.high_mem"
    options = ["-A", "demo.worker", "worker", "--concurrency", "2", "--loglevel", "WARNING", "--queues", queues]
    return [*options, "--without-gossip", "--without-mingle", "--without-heartbeat"]


@contextmanager
def _running(name: str, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process beside this one, with its own log, ended with it, and with whatever it has started itself."""
    log = VAR / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    _say(f"Starting the {name} (log: {os.path.relpath(log)})")
    with log.open("ab") as output:
        command = [sys.executable, *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True)  # noqa: S603
        try:
            yield process
        finally:
            if process.poll() is not None:
                _say(f"The {name} had ended by itself, with status {process.returncode}: see {os.path.relpath(log)}")
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=15)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], log: Path, before: int, line: str) -> None:
    """Until a process has written a line into its log, behind what was there before.

    Not until somebody answers at its address, who might be anybody.

    Raises:
        SystemExit: it ended, or did not write it in time.
    """
    until = time.monotonic() + 15
    while line.encode() not in log.read_bytes()[before:]:
        if process.poll() is not None or time.monotonic() > until:
            said = log.read_bytes()[before:].decode("utf-8", "replace").strip()
            raise SystemExit(f"the sandbox does not start (see {log}): {said}")
        time.sleep(0.05)


def _manage(*arguments: str) -> None:
    subprocess.run([sys.executable, str(DEMO / "manage.py"), *arguments], cwd=ROOT, check=True)  # noqa: S603


def _follow(chosen: argparse.Namespace, since: datetime, before: list[int]) -> bool:
    """Show how everything arrives, then what Percipio knows; False where something did not arrive, or at a stranger's.

    Arguments:
        since: when this run began.
        before: lines that earlier runs left in each region's journal.
    """
    import django

    django.setup()
    from demo import journals, report

    settled = report.follow(PATIENCE)
    report.show_learners()
    report.show_catalog()
    report.show_outcome()
    report.show_held()
    if not chosen.regions:
        return settled
    kept = [
        journals.Journal(region.name, region.file("journal"), lines)
        for region, lines in zip(chosen.regions, before, strict=True)
    ]
    journals.show_received(kept)
    faults = journals.compare(since, kept)
    print("\nRun it again: the same class, the same acts, and nothing new arrives. --fresh begins anew.")
    return settled and not faults


def _serve(chosen: argparse.Namespace) -> None:
    from demo.learning.accounts import ADMIN_PASSWORD, ADMIN_USERNAME

    _manage("open_class")
    _say("Everything stays open until Ctrl-C:")
    lms = f"http://127.0.0.1:{chosen.lms_port}"
    print(f"  The class       {lms}/class   let a learner do something, and watch it arrive")
    print(f"  LMS admin       {lms}/admin/   login {ADMIN_USERNAME} / {ADMIN_PASSWORD}")
    for region in chosen.regions:
        print(f"  Percipio's page {region.url}/")
    with _running("lms", [str(DEMO / "manage.py"), "runserver", "--noreload", "--insecure", str(chosen.lms_port)]):
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            _say("Closing")


def _say(text: str) -> None:
    print(f"\n▸ {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
