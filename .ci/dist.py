"""Build, check and try the three distributions: ``make dist``.

They are built twice, in different folders, and must be equal byte by byte; ``SOURCE_DATE_EPOCH``, by default the time
of the last commit, is the time of every file in them. The Tutor plugin is built last, with the hash of the package's
wheel in it. Built are the files that git knows, as they are in the working tree. ``--only-build`` leaves the trial out.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
PACKAGE, SANDBOX, TUTOR = ".", "contrib/percipio-sandbox", "contrib/tutor-contrib-percipio"
RELEASED = "tutorpercipio/released.txt"


def main() -> None:
    """Do all of it; end with what is wrong."""
    os.umask(0o022)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        built, again = build(Path(first)), build(Path(second))
        differing = [one.name for one, other in zip(built, again, strict=True) if digest(one) != digest(other)]
        if differing:
            raise SystemExit(f"Two builds differ: {', '.join(differing)}")
        shutil.rmtree(DIST, ignore_errors=True)
        DIST.mkdir()
        for file in built:
            shutil.copy(file, DIST)
    files = sorted(str(path) for path in DIST.iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    run(sys.executable, "-m", "check_wheel_contents", *(name for name in files if name.endswith(".whl")))
    if "--only-build" not in sys.argv:
        smoke()
    for name in files:
        print(f"{digest(Path(name))}  {Path(name).relative_to(ROOT)}")


def build(folder: Path) -> list[Path]:
    """Return sdist and wheel of each distribution, built from a copy of the sources; each wheel from its sdist."""
    sources, out = folder / "sources", folder / "out"
    copy_sources(sources)
    for name in (PACKAGE, SANDBOX):
        build_one(sources / name, out)
    (wheel,) = out.glob("percipio_openedx-*.whl")
    version = wheel.name.split("-")[1]
    requirement = f"percipio-openedx=={version} --hash=sha256:{digest(wheel)}\n"
    (sources / TUTOR / RELEASED).write_text(requirement, encoding="utf-8")
    build_one(sources / TUTOR, out)
    built = sorted(out.iterdir())
    if {path.name.split("-")[1].removesuffix(".tar.gz") for path in built} != {version} or len(built) != 6:
        raise SystemExit(f"Not three distributions of one version: {', '.join(path.name for path in built)}")
    (plugin,) = out.glob("tutor_contrib_percipio-*.whl")
    with zipfile.ZipFile(plugin) as archive:
        if archive.read(RELEASED).decode() != requirement:
            raise SystemExit(f"{plugin.name} does not name the package that it is released with")
    return built


def copy_sources(folder: Path) -> None:
    """Copy the files that git knows, so that nothing else gets into a distribution."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)


def build_one(source: Path, out: Path) -> None:
    """Build a distribution, with the backend that is installed here, and make its sdist the same on every machine."""
    before = set(out.glob("*"))
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    # Setuptools writes what it warns of between lines of stars.
    if done.returncode or "*" * 80 in done.stderr + done.stdout:
        raise SystemExit(f"{done.stdout}{done.stderr}\n{source} was not built, or setuptools warns of something")
    (sdist,) = set(out.glob("*.tar.gz")) - before
    forget_machine(sdist)


def forget_machine(sdist: Path) -> None:
    """Pack an sdist again, its files in order, nobody's and of one time: setuptools writes this machine's."""
    packed = io.BytesIO()
    with (
        tarfile.open(sdist) as old,
        gzip.GzipFile("", "wb", fileobj=packed, mtime=epoch()) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as new,
    ):
        for member in sorted(old.getmembers(), key=lambda member: member.name):
            clean = tarfile.TarInfo(member.name)
            clean.type, clean.size, clean.mtime = member.type, member.size, epoch()
            clean.mode = 0o755 if member.isdir() else 0o644
            new.addfile(clean, old.extractfile(member))
    sdist.write_bytes(packed.getvalue())


@cache
def epoch() -> int:
    """Return the time of every file, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    command = ["git", "log", "-1", "--format=%ct"]
    return int(given or subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def smoke() -> None:
    """Install the wheels into an empty environment, put the demo's LMS around them, and let a class be reported.

    Raises:
        SystemExit: pip finds that something is missing, or the demo does not get to its end.
    """
    release = {11: "ulmo", 12: "verawood"}[sys.version_info[1]]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        venv.create(home / "venv", with_pip=True)
        python = str(home / "venv" / "bin" / "python")
        pip = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check")
        pins = str(ROOT / "requirements" / release / "test.txt")
        wheels = [str(path) for path in DIST.glob("percipio_*.whl")]
        run(*pip, "-c", pins, *wheels)
        run(python, "-m", "pip", "check")
        # What the LMS has, and the demo's LMS needs.
        run(*pip, "-r", pins)
        shutil.copytree(ROOT / "demo", home / "demo", ignore=shutil.ignore_patterns("var", "received*", "__pycache__"))
        environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
        where = "import percipio_openedx as p; raise SystemExit('site-packages' not in p.__file__)"
        run(python, "-c", where, cwd=home, environment=environment)
        # It migrates, starts a sandbox and a worker, lives through a class, and compares what arrived.
        run(python, "demo/run.py", "--fresh", cwd=home, environment=environment)
        run(python, "demo/manage.py", "percipio_doctor", cwd=home, environment=environment)


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(*command: str, cwd: Path = ROOT, environment: dict[str, str] | None = None) -> None:
    """Run a command.

    Raises:
        SystemExit: it fails.
    """
    done = subprocess.run(command, cwd=cwd, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ... ended with {done.returncode}")


if __name__ == "__main__":
    main()
