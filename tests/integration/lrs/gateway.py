"""Between a reader that speaks HTTP Basic alone and an LMS that takes OAuth2 tokens: what an API gateway does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from percipio_openedx.settings.common import PULL_SCOPE

KEPT = ("Content-Type", "X-Experience-API-Version", "X-Experience-API-Consistent-Through")


def token_for(lms: str, client_id: str, secret: str) -> str:
    """An opaque token from the LMS's token endpoint: by HTTP Basic, since the LMS logs what a form holds."""
    form = {"grant_type": "client_credentials", "scope": PULL_SCOPE}
    basic = base64.b64encode(f"{quote(client_id)}:{quote(secret)}".encode()).decode()
    request = Request(f"{lms}/oauth2/access_token", urlencode(form).encode(), {"Authorization": f"Basic {basic}"})
    with urlopen(request, timeout=30) as response:
        token: str = json.load(response)["access_token"]
        return token


@contextmanager
def gateway(lms: str) -> Iterator[str]:
    """The address of a gateway to an LMS, while it runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            token = token_for(lms, *given.split(":", 1))
            version = self.headers["X-Experience-API-Version"]
            headers = {"Authorization": f"Bearer {token}", "X-Experience-API-Version": version}
            try:
                answer = urlopen(Request(f"{lms}{self.path}", headers=headers), timeout=30)
            except HTTPError as error:
                answer = error
            with answer:
                body = answer.read()
                self.send_response(answer.status)
                for name in KEPT:
                    self.send_header(name, answer.headers[name])
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing: a test's output is the test's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
