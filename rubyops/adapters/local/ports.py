"""The TCP ports of one environment: free ones are found once and remembered, so that its addresses stay the same."""

import json
import random
import socket
from collections.abc import Container
from pathlib import Path

from rubyops.adapters.local.servers import HOST
from rubyops.errors import RubyopsError

# Below the kernel's range for outgoing connections, so that no connection borrows a port between two starts.
FIRST, LAST = 20_000, 32_000
ATTEMPTS = 200


class PortBook:
    """Remembered ports in a JSON file, {name: port}. Environments beside this one keep theirs: they may be down just now."""

    def __init__(self, path: Path) -> None:
        """Read the book at `path`, or begin an empty one."""
        self._path = path
        self._ports: dict[str, int] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def usable(self, name: str, *, ours: bool = False) -> int:
        """Return the remembered port of `name` if nobody else listens on it (`ours`: we do); else find another and remember it."""
        port = self._ports.get(name)
        if port is None or not (ours or is_free(port)):
            port = self._find()
            self._ports[name] = port
            self._path.write_text(json.dumps(self._ports, indent=2) + "\n", encoding="utf-8")
        return port

    def remembered(self, name: str) -> int | None:
        """Return the port last used for `name`."""
        return self._ports.get(name)

    def _find(self) -> int:
        taken = self._taken()
        for port in random.sample(range(FIRST, LAST), ATTEMPTS):
            if port not in taken and is_free(port):
                return port
        raise RubyopsError(f"None of {ATTEMPTS} ports tried from {FIRST} to {LAST} is free on {HOST}. See what listens: `ss -ltn`.")

    def _taken(self) -> Container[int]:
        books = self._path.parent.parent.glob(f"*/{self._path.name}")
        return {port for book in books for port in json.loads(book.read_text(encoding="utf-8")).values()} | set(self._ports.values())


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError:
            return False
    return True
