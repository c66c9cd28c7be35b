"""XML-RPC over a unix socket."""

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class SocketTransport(xmlrpc.client.Transport):
    """Connects to the unix socket at `path`; each wait ends after `seconds`."""

    def __init__(self, path: Path, seconds: float) -> None:
        """Store the path; the connection is opened on first use."""
        super().__init__()
        self._path = path
        self._seconds = seconds

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        """Open a connection and store it, so that `close` of the base class closes it."""
        connection = _Connection(self._path, self._seconds)
        self._connection = (host, connection)
        return connection
