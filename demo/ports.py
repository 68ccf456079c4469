"""Free ports for servers."""

from __future__ import annotations

import random
import socket

# Below those that systems give to connections of their own (Linux from 32768), which might take one in between.
LOWEST, HIGHEST, TRIES = 10_000, 32_000, 1000


def free_ports(count: int = 1, first: int | None = None) -> int:
    """Return the first of so many free ports in a row, by chance, since others look for ports at the same time.

    Arguments:
        first: the one to take if it and the next are free.

    Raises:
        OSError: none are found.
    """
    chosen = (random.randint(LOWEST, HIGHEST) for _ in range(TRIES))
    for port in ([] if first is None else [first]) + list(chosen):
        try:
            for number in range(port, port + count):
                socket.create_server(("127.0.0.1", number)).close()
        except OSError:
            continue
        return port
    raise OSError(f"no {count} free ports in a row were found")
