"""A Percipio that takes everything after a set round trip, over TLS: ``python -m benchmarks.speed.receiver``.

An answer leaves one round trip after the last byte of its request arrived; what the receiver does with the request is
done meanwhile. The first answer on a connection waits two round trips more (TCP, and TLS 1.3 in one flight each).
``GET /count`` says how many statements, requests and connections came, and how fast, and ``GET /reset/20`` starts over
with 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import selectors
import ssl
from dataclasses import dataclass, field

TOKEN = json.dumps({"access_token": "t" * 800, "expires_in": 86400, "token_type": "bearer"}).encode()


@dataclass
class Receiver:
    """What has arrived; ``answers`` are the loop's time and the number of statements of each."""

    round_trip: float = 0.0
    statements: int = 0
    requests: int = 0
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    answers: list[tuple[float, int]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, as long as the other side keeps it."""
        is_new = True
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (
                        int(line.split(":")[1])
                        for line in head.split("\r\n")
                        if line.lower().startswith("content-length:")
                    ),
                    0,
                )
                body = await reader.readexactly(length)
                answer = await self._answer(head, body, is_new)
                is_new = False
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: str, body: bytes, is_new: bool) -> bytes:
        method, path, _ = head.split(" ", 2)
        if path == "/count":
            names = ("statements", "requests", "connections", "most_at_once")
            counts = {"steady": self._steady(), **{name: getattr(self, name) for name in names}}
            return _response(200, json.dumps({**counts, "different": len(self.ids)}).encode())
        if path.startswith("/reset/"):
            self.__init__(int(path.rsplit("/", 1)[1]) / 1000)  # type: ignore[misc]
            return _response(200, b"{}")
        self.connections += is_new
        if "token" in path:
            return _response(200, TOKEN)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        now = asyncio.get_running_loop().time
        answers_at = now() + self.round_trip * (3 if is_new else 1)
        try:
            ids = _ids(body)
            if path.endswith("/content"):
                answer = _response(200, b'{"status": "accepted"}')
            else:
                answer = _response(204, b"") if method == "PUT" else _response(200, json.dumps(ids).encode())
            await asyncio.sleep(answers_at - now())
        finally:
            self.at_once -= 1
        self._count(ids, now())
        return answer

    def _count(self, ids: list[str], now: float) -> None:
        self.requests += 1
        self.statements += len(ids)
        self.ids.update(ids)
        self.answers.append((now, len(ids)))

    def _steady(self) -> float:
        """Statements a second in the middle half of the answers: without start and end."""
        quarter = len(self.answers) // 4
        middle = self.answers[quarter : len(self.answers) - quarter]
        if len(middle) < 2:
            return 0.0
        return sum(statements for _, statements in middle[1:]) / (middle[-1][0] - middle[0][0])


def _ids(body: bytes) -> list[str]:
    parsed = json.loads(body) if body else []
    statements = parsed if isinstance(parsed, list) else [parsed]
    return [statement.get("id", "") for statement in statements]


def _response(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"{head}X-Experience-API-Version: 1.0.3\r\n\r\n".encode() + body


async def run(port: int, certificate: str, key: str) -> None:
    """Serve until killed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port, ssl=context, limit=16 * 1024 * 1024)
    async with server:
        await server.serve_forever()


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(description="Takes statements over TLS after a set round trip.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=_exact_loop) as runner:
        runner.run(run(options.port, options.certificate, options.key))


def _exact_loop() -> asyncio.AbstractEventLoop:
    """The usual selector rounds every wait up to whole milliseconds, on average half of one for each answer."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


if __name__ == "__main__":
    main()
