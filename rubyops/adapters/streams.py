"""Consumer groups of the Redis streams, with their unread and unacknowledged entries."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rubyops.adapters.bounded import DOUBT_SECONDS, Hook, Patience, Watch, within
from rubyops.errors import Unreachable
from rubyops.ports import Row
from wallet_runtime.contract.events import PARTITIONS, ROLLING_STREAM, WALLET_STREAM_PREFIX

if TYPE_CHECKING:
    import redis

TIMEOUT_SECONDS = 5.0
COUNTED_MAX = 10_000
PAGE_ENTRIES = 1_000
STREAMS = (
    *(f"{WALLET_STREAM_PREFIX}{number}" for number in range(PARTITIONS)),
    ROLLING_STREAM,
)


def redis_client(url: str, seconds: float, *, text: bool = False) -> "redis.Redis":
    """Make a client without retries, on which every wait ends after `seconds`.

    The number of retries that redis-py does by default differs by version.
    """
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        decode_responses=text,
    )


class StreamReader:
    """Reads consumer groups as a user who may only read.

    `while_waiting` is called while Redis has not answered, and may raise to end the call.
    """

    def __init__(
        self,
        url: Callable[[], str],
        seconds: float = TIMEOUT_SECONDS,
        doubt_seconds: float = DOUBT_SECONDS,
    ) -> None:
        """Connect to this URL on first use. A call of `groups` takes at most `seconds`."""
        self._url = url
        self._seconds = seconds
        self._patience = Patience(doubt_seconds)
        self._client: redis.Redis | None = None
        self.while_waiting: Hook | None = None

    def groups(self) -> list[Row]:
        """List groups as {stream, group, lag, pending, length}. Raises `Unreachable`.

        `lag` counts the unread entries of the group, up to COUNTED_MAX. A missing stream has no
        group.
        """
        import redis

        try:
            found = self._read_groups()
        except redis.RedisError as error:
            self._patience.doubts = isinstance(error, redis.TimeoutError)
            raise Unreachable(
                f"Redis cannot be reached: {error}", next_command="rubyops up"
            ) from error
        except BaseException:
            self._client = None  # the thread that goes on closes the client
            self._patience.doubts = True
            raise
        self._patience.doubts = False
        return found

    def _read_groups(self) -> list[Row]:
        client = self._client or redis_client(self._url(), self._seconds)
        self._client = client
        watch = Watch(self._patience.seconds(self._seconds), _late, self.while_waiting)
        return within(watch, lambda: _groups(client), lambda _: client.close())


def _late(seconds: float) -> Exception:
    return Unreachable(f"Redis did not answer within {seconds:g} s", next_command="rubyops doctor")


def _groups(client: "redis.Redis") -> list[Row]:
    return [row for stream in STREAMS for row in _of(client, stream)]


def _of(client: "redis.Redis", stream: str) -> list[Row]:
    groups = _groups_of(client, stream)
    length = client.xlen(stream) if groups else 0
    return [
        {
            "stream": stream,
            "group": _text(group["name"]),
            "lag": _to_read(client, stream, _text(group["last-delivered-id"])),
            "pending": group["pending"],
            "length": length,
        }
        for group in groups
    ]


def _groups_of(client: "redis.Redis", stream: str) -> Any:
    """Return the groups of a stream as Redis describes them, empty for a missing stream."""
    import redis

    try:
        return client.xinfo_groups(stream)
    except redis.ResponseError as error:
        if "no such key" in str(error):
            return []
        raise


def _to_read(client: "redis.Redis", stream: str, read_to: str) -> int:
    """Count the entries after the last delivered entry.

    Redis 7.0 also reports a `lag`, but that number stays wrong after an entry was deleted.
    """
    counted, after = 0, read_to
    while counted < COUNTED_MAX:
        page: Any = client.xrange(stream, min=f"({after}", count=PAGE_ENTRIES)
        counted += len(page)
        if len(page) < PAGE_ENTRIES:
            break
        after = _text(page[-1][0])
    return counted


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
