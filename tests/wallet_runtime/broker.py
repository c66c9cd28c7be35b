"""A Redis server for one test, which can lose data as a real server does."""

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import redis

from rubyops.adapters.local import binaries

# The program to start, such as a redis-server 7.0. The default is the server that rubyops brings.
PROGRAM_VARIABLE = "RUBYOPS_REDIS_SERVER"
HOST = "127.0.0.1"
START_SECONDS_MAX = 20.0


class Broker:
    """A Redis server with an append-only file. The server keeps its port over restarts."""

    def __init__(self, folder: Path, port: int) -> None:
        """Start the server on this port, with its files in this folder."""
        self.folder, self.port = folder, port
        self.url = f"redis://{HOST}:{port}/0"
        self.client: Any = redis.Redis.from_url(self.url, decode_responses=True, socket_timeout=5)
        self._program = os.environ.get(PROGRAM_VARIABLE) or str(binaries.valkey_server())
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start the server on the files in its folder, and wait until it answers."""
        self.folder.mkdir(exist_ok=True)
        options = [
            "--port",
            str(self.port),
            "--bind",
            HOST,
            "--dir",
            str(self.folder),
            "--save",
            "",
            "--appendonly",
            "yes",
        ]
        kept = [
            "--appendfsync",
            "everysec",
            "--auto-aof-rewrite-percentage",
            "0",
            "--logfile",
            str(self.folder.parent / "redis.log"),
        ]
        self._process = subprocess.Popen([self._program, *options, *kept])
        deadline = time.monotonic() + START_SECONDS_MAX
        while True:
            try:
                self.client.ping()
                break
            except redis.RedisError:
                assert time.monotonic() < deadline, "the server did not answer"
                time.sleep(0.02)

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def version(self) -> str:
        """Return the server's name and version."""
        told = self.client.info("server")
        return (
            f"{told.get('server_name', 'redis')}"
            f" {told.get('valkey_version') or told['redis_version']}"
        )

    def appended(self) -> int:
        """Return the size of the append-only file in bytes."""
        return self._appends().stat().st_size

    def lose_appends_after(self, size: int) -> None:
        """Cut the append-only file of the killed server to this size, as a power failure would."""
        os.truncate(self._appends(), size)

    def lose_everything(self) -> None:
        """Delete all files of the killed server."""
        shutil.rmtree(self.folder)

    def _appends(self) -> Path:
        return max(self.folder.glob("appendonlydir/*.incr.aof"))
