"""The TCP ports of one environment, chosen once and stored, so that its addresses stay the same."""

import json
import random
import socket
from collections.abc import Container, Iterator
from pathlib import Path

from rubyops.adapters.durable import read_state, replace_state
from rubyops.adapters.local.servers import HOST
from rubyops.errors import RubyopsError, StateDamaged

# Ports below the kernel's range for outgoing connections, so that no connection occupies a port
# while its server is stopped.
FIRST, LAST = 20_000, 32_000
ATTEMPTS = 200
REMEDY = (
    "It has to hold a JSON object of names and ports. Put a copy of it back, or delete it: "
    "`rubyops up` then chooses other ports and restarts everything of the environment."
)


class PortBook:
    """The stored ports of an environment, {name: port} in a JSON file.

    Ports of other environments in the same parent folder are never chosen, because a stopped
    environment needs its ports again.
    """

    def __init__(self, path: Path) -> None:
        """Read the file at `path`, if it exists. Raises `StateDamaged`."""
        self._path = path
        self._ports = read_state(path, dict[str, int], REMEDY) or {}

    def usable(self, name: str, *, ours: bool = False) -> int:
        """Return the stored port of `name`. Choose and store another port if it is in use.

        `ours` means that our own server listens on the stored port, so that the port stays.
        """
        port = self._ports.get(name)
        if port is not None and (ours or is_free(port)):
            return port
        return self._choose(name)

    def remembered(self, name: str) -> int | None:
        """Return the stored port of `name`, None without one."""
        return self._ports.get(name)

    def _choose(self, name: str) -> int:
        port = self._find()
        self._ports[name] = port
        replace_state(self._path, json.dumps(self._ports, indent=2) + "\n")
        return port

    def _find(self) -> int:
        taken = self._taken()
        for port in random.sample(range(FIRST, LAST), ATTEMPTS):
            if port not in taken and is_free(port):
                return port
        raise RubyopsError(
            f"None of {ATTEMPTS} ports tried from {FIRST} to {LAST} is free on {HOST}. "
            "See what listens: `ss -ltn`."
        )

    def _taken(self) -> Container[int]:
        return {*self._ports.values(), *self._neighbours()}

    def _neighbours(self) -> Iterator[int]:
        for book in self._path.parent.parent.glob(f"*/{self._path.name}"):
            try:
                ports = read_state(book, dict[str, int], REMEDY)
            except StateDamaged:
                # The environment of that book reports the damage itself.
                continue
            yield from (ports or {}).values()


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError:
            return False
    return True
