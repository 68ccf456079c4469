"""The HTTP server of the sandbox: a thread for each connection, HTTP/1.1 with keep-alive."""

from __future__ import annotations

import logging
import re
import socket
import ssl
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from percipio_sandbox.application import Application
from percipio_sandbox.messages import Answer, Incoming, Manner, Refusal
from percipio_sandbox.wire import Connection, send

logger = logging.getLogger(__name__)

LARGEST_BODY = 32 * 1024 * 1024  # bytes
_IDLE = 75.0  # seconds that a connection may rest between two requests

# However it listens, this machine itself, which no foreign page can have its own name stand for.
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_HOST = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[^:\[\]]+))(?::[0-9]*)?")


class Server(TCPServer):
    """Listens, and gives each connection a thread of its own.

    Arguments:
        address: host and port; port 0 takes any free one.
        application: answers the requests.
        latency: seconds that each answer waits.
        tls: certificate and key files (PEM), when the sandbox is to speak TLS.
        names: hosts that requests may be for, besides ``localhost``, ``127.0.0.1``, ``::1``, the host of ``address``
            and the address that a connection has come to.

    Raises:
        OSError: when the address cannot be had or a file cannot be read.
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        application: Application,
        latency: float,
        tls: tuple[Path, Path] | None,
        names: Iterable[str] = (),
    ) -> None:
        self.application = application
        self.names = _LOOPBACK | {name.lower() for name in (address[0], *names) if name}
        self.latency = latency
        self.closing = threading.Event()
        self._context = None if tls is None else _tls_context(*tls)
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; the TLS handshake is left to the connection's own thread."""
        accepted, address = super().get_request()
        if self._context is None:
            return accepted, address
        return self._context.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a new thread."""
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError as error:  # the client has left
            logger.debug("connection ended reason=%s", type(error).__name__)
        except ValueError:  # a TLS connection that is closed under its reader says so
            if not self.closing.is_set():
                raise
        finally:
            with self._lock:
                self._connections.pop(request, None)
            self.close_request(request)

    def close_all(self) -> None:
        """Stop listening, end every connection and wait for their threads.

        `serve_forever` must have been left before.
        """
        self.closing.set()
        self.server_close()
        with self._lock:
            open_connections = list(self._connections.items())
        for connection, _ in open_connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError as error:  # the client was faster
                logger.debug("connection gone reason=%s", type(error).__name__)
        for _, thread in open_connections:
            thread.join(timeout=5)


_FOREIGN = Refusal(421, "this sandbox was not started for that host; --name HOST, or names=[...], allows it")


def _tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class Handler(BaseHTTPRequestHandler):
    """Reads requests, asks the application, writes answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65_536
    timeout = _IDLE
    server: Server

    def do_GET(self) -> None:
        """Answer a request of any method."""
        incoming = Incoming(self.command, self.path, self.headers, self._read_body)
        hosts = self.headers.get_all("Host") or []
        if all(self._is_mine(host) for host in hosts) and len(hosts) < 2:
            answer = self.server.application.answer(incoming)
        else:
            answer = _FOREIGN.answer()
        if answer.manner is not Manner.RESET and not incoming.was_read:
            answer = self._drained(incoming, answer)
        if self.server.latency:
            self.server.closing.wait(self.server.latency)
        connection = Connection(
            socket=self.connection,
            output=self.wfile,  # type: ignore[arg-type]
            closing=self.server.closing,
            head_only=self.command == "HEAD",
            keep_alive=not self.close_connection,
        )
        send(answer, connection)
        self.close_connection = not connection.keep_alive

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _is_mine(self, host: str) -> bool:
        """Whether a request is for this sandbox.

        A page of the internet whose name stands for 127.0.0.1 all at once (DNS rebinding) could read what is held here
        with the browser of whoever looks at it. Its requests carry that name.
        """
        found = _HOST.fullmatch(host.strip().lower())
        name = "" if found is None else found["six"] or found["name"].removesuffix(".")
        return name in self.server.names or name == self.connection.getsockname()[0]

    def _drained(self, incoming: Incoming, answer: Answer) -> Answer:
        # What is left of a request would be taken for the next one.
        try:
            _ = incoming.body
        except Refusal as refusal:
            return refusal.answer()
        return answer

    def _read_body(self) -> bytes:
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            raise Refusal(411, "send the body with a Content-Length, not in chunks")
        text = self.headers.get("Content-Length", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            self.close_connection = True
            raise Refusal(400, "Content-Length must be a whole number")
        if int(text) > LARGEST_BODY:
            self.close_connection = True
            raise Refusal(413, f"a request holds at most {LARGEST_BODY} bytes")
        body = self.rfile.read(int(text))
        if len(body) < int(text):
            raise ConnectionError("the client left before its request was whole")
        return body

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the application tells its observer what arrives."""
