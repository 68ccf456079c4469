"""What is installed into the image, by what Tutor installs with and an index that a stranger has filled."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import Rendered
from tutorpercipio import __version__, values

TAG = "py3-none-any.whl"


class Index:
    """An index that holds whatever somebody uploaded, and remembers what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                name = self.path.strip("/").rpartition("/")[2]
                if self.path.startswith("/files/"):
                    body = (index.folder / name).read_bytes()
                else:
                    files = index.folder.glob(f"{name.replace('-', '_')}-*.whl")
                    body = "".join(f'<a href="/files/{file.name}">{file.name}</a>' for file in files).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple"

    def upload(self, version: str, content: str = "") -> str:
        """Put a wheel of the package there and return its hash."""
        path = self.folder / f"percipio_openedx-{version}-{TAG}"
        about = f"percipio_openedx-{version}.dist-info"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("percipio_openedx.py", content)
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: percipio-openedx\nVersion: {version}\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")
        return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "uploads"
    folder.mkdir()
    found = Index(folder)
    thread = Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def steps(rendered: Rendered) -> list[str]:
    """The shell commands of the image's build that name the package."""
    text = rendered.text("build/openedx/Dockerfile").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("RUN") and "percipio" in line]
    return [re.sub(r"^RUN( --mount=\S+)*", "", line) for line in lines]


def build(rendered: Rendered, index: Index, image: Path) -> subprocess.CompletedProcess[str]:
    """Do these commands as the build does, in an empty environment, and with nothing of this machine's."""
    venv.create(image)
    environment = {
        "PATH": f"{image}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
        "PIP_COMMAND": "uv --no-config pip",
        "UV_DEFAULT_INDEX": index.url,
        "UV_NO_CACHE": "1",
        "VIRTUAL_ENV": str(image),
    }
    script = " && ".join(steps(rendered)).replace("/tmp/percipio.txt", f"{image}/percipio.txt")
    command = ["sh", "-ec", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def installed(image: Path) -> str:
    """What is imported as the package; empty where there is none."""
    (folder,) = image.glob("lib/python3*/site-packages")
    module = folder / "percipio_openedx.py"
    return module.read_text(encoding="utf-8") if module.is_file() else ""


def test_a_checkout_asks_no_index_for_a_name_that_nobody_has_published(
    rendered: Rendered, index: Index, tmp_path: Path
) -> None:
    """Whoever takes the name meanwhile is not asked: the build stops, and says what to do."""
    index.upload(__version__, "stranger")
    index.upload("99.0", "stranger")
    rendered.tutor("config", "save")
    done = build(rendered, index, tmp_path / "image")
    assert (done.returncode, index.asked, installed(tmp_path / "image")) == (1, [], "")
    assert "tutor mounts add" in done.stderr
    assert "PERCIPIO_PACKAGE" in done.stderr


def test_nothing_is_installed_where_nothing_is_to_be(rendered: Rendered) -> None:
    rendered.tutor("config", "save", "--set", "PERCIPIO_PACKAGE=")
    assert steps(rendered) == []


def test_a_release_installs_its_own_version_and_no_other_file(rendered: Rendered, index: Index, tmp_path: Path) -> None:
    known = index.upload(__version__, "ours")
    index.upload("99.0", "stranger")
    package = f"percipio-openedx=={__version__} --hash=sha256:{known}"
    rendered.tutor("config", "save", "--set", f"PERCIPIO_PACKAGE={package}")
    done = build(rendered, index, tmp_path / "image")
    assert done.returncode == 0, done.stderr
    assert installed(tmp_path / "image") == "ours"
    assert [path for path in index.asked if "99.0" in path] == []


def test_a_file_of_the_same_name_and_version_is_refused(rendered: Rendered, index: Index, tmp_path: Path) -> None:
    known = index.upload(__version__, "ours")
    index.upload(__version__, "stranger")
    package = f"percipio-openedx=={__version__} --hash=sha256:{known}"
    rendered.tutor("config", "save", "--set", f"PERCIPIO_PACKAGE={package}")
    done = build(rendered, index, tmp_path / "image")
    assert done.returncode != 0
    assert "Hash mismatch" in done.stderr
    assert installed(tmp_path / "image") == ""


def test_what_a_release_writes_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(values, "__file__", str(tmp_path / "values.py"))
    assert values.released() is None
    (tmp_path / "released.txt").write_text("percipio-openedx==1.0.0 --hash=sha256:00\n", encoding="utf-8")
    assert values.released() == "percipio-openedx==1.0.0 --hash=sha256:00"


def test_a_checkout_was_not_released() -> None:
    assert not Path(values.__file__).with_name("released.txt").exists()
    assert values.DEFAULTS["PERCIPIO_PACKAGE"] is None
