"""Redis streams as their reader sees them: consumer groups with lag and pending entries."""

from collections.abc import Callable

import redis

from rubyops.errors import Unreachable
from rubyops.ports import Row
from wallet_runtime import contract

TIMEOUT_SECONDS = 5.0
STREAMS = (*(f"{contract.WALLET_STREAM_PREFIX}{number}" for number in range(contract.PARTITIONS)), contract.ROLLING_STREAM)


class StreamReader:
    """Reads groups with a user that may only read."""

    def __init__(self, url: Callable[[], str]) -> None:
        """Connect by this URL on first use."""
        self._url = url
        self._client: redis.Redis | None = None

    def groups(self) -> list[Row]:
        """List groups as {stream, group, lag, pending, length}; a stream that is not there has none. Raises `Unreachable`."""
        try:
            return [row for stream in STREAMS for row in self._of(stream)]
        except redis.RedisError as error:
            raise Unreachable(f"Redis cannot be reached: {error}", next_command="rubyops up") from error

    def _of(self, stream: str) -> list[Row]:
        client = self._connected()
        try:
            groups = client.xinfo_groups(stream)
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return []
            raise
        length = client.xlen(stream)
        return [
            {"stream": stream, "group": _text(group["name"]), "lag": group["lag"], "pending": group["pending"], "length": length}
            for group in groups
        ]

    def _connected(self) -> redis.Redis:
        if self._client is None:
            self._client = redis.Redis.from_url(self._url(), socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        return self._client


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
