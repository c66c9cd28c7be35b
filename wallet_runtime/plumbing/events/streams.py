"""Redis streams with consumer groups: append, read in order, acknowledge.

Each call has a timeout and is not retried here. An append whose answer was lost may have succeeded,
and only the caller knows whether a second append is harmless.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from wallet_runtime.contract.events import WALLET_STREAM_PREFIX
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.health import OK
from wallet_runtime.plumbing.runtime.settings import Settings

TIMEOUT_SECONDS = 2.0
BLOCK_LIMIT_MS = (
    1000  # well below the socket timeout, or a stream without entries would look like a dead server
)


class StreamsError(Exception):
    """A Redis command failed; Redis may have carried it out."""


class GroupMissing(StreamsError):
    """The stream or its consumer group does not exist, as after the server lost its data."""


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """One entry of a stream; `fields` is None if the entry was deleted unacknowledged."""

    entry_id: str
    fields: Mapping[str, str] | None


class Streams:
    """A connection pool for one Redis server; thread-safe."""

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Store the address of Redis; the first call connects."""
        self._redis = redis.Redis.from_url(
            url,
            protocol=2,
            decode_responses=True,
            # Strict decoding of one entry with invalid UTF-8 would fail the read of all entries
            # that come with it.
            encoding_errors="surrogateescape",
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            retry=Retry(NoBackoff(), 0),
        )

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def ping(self) -> None:
        """Raise StreamsError unless the server answers."""
        with _translated():
            self._redis.ping()

    def publish(self, stream: str, entries: Iterable[Mapping[str, str]]) -> list[str]:
        """Append entries in order, all or none, and return their ids.

        One MULTI holds all entries. If Redis refuses one entry, for example at its memory limit, it
        refuses all, so a later entry never overtakes an earlier one.
        """
        with _translated(), self._redis.pipeline(transaction=True) as pipe:
            for fields in entries:
                values: dict[Any, Any] = dict(fields)
                pipe.xadd(stream, values)
            return [str(entry_id) for entry_id in pipe.execute()]

    def ensure_group(self, stream: str, group: str) -> None:
        """Create stream and group where they are missing; a new group starts at the first entry."""
        with _translated():
            try:
                self._redis.xgroup_create(stream, group, id="0", mkstream=True)
            except redis.ResponseError as error:
                if not str(error).startswith("BUSYGROUP"):
                    raise

    def fetch(
        self, streams: Sequence[str], group: str, consumer: str, *, count: int, block_ms: int | None
    ) -> list[str]:
        """Move new entries into the consumer's pending list; return the streams that had some.

        Waits up to `block_ms` for the first entry; None means no wait. Raises GroupMissing.
        """
        block = None if block_ms is None else min(block_ms, BLOCK_LIMIT_MS)
        with _translated():
            answer: Any = self._redis.xreadgroup(
                group, consumer, dict.fromkeys(streams, ">"), count=count, block=block
            )
        return [str(stream) for stream, _ in answer or []]

    def pending(
        self, stream: str, group: str, consumer: str, *, after: str, count: int
    ) -> list[StreamEntry]:
        """Return the consumer's unacknowledged entries in stream order.

        Returns at most `count` entries with ids above `after`; "0" begins at the oldest entry.
        """
        with _translated():
            answer: Any = self._redis.xreadgroup(group, consumer, {stream: after}, count=count)
        return [
            StreamEntry(str(entry_id), fields or None)
            for _, entries in answer or []
            for entry_id, fields in entries
        ]

    def with_pending(self, streams: Sequence[str], group: str) -> list[str]:
        """Return the streams with entries that the group has fetched and not acknowledged.

        The group's consumer has the group's name. Raises GroupMissing.
        """
        if not streams:
            return []
        with _translated():
            answer: Any = self._redis.xreadgroup(group, group, dict.fromkeys(streams, "0"), count=1)
        return [str(stream) for stream, entries in answer or [] if entries]

    def acknowledge(self, stream: str, group: str, entry_ids: Sequence[str]) -> None:
        """Remove entries from the pending list; a second call changes nothing."""
        if entry_ids:
            with _translated():
                self._redis.xack(stream, group, *entry_ids)

    def in_reach(self, stream: str, group: str, entries: Mapping[str, str]) -> set[str]:
        """Return the ids of the entries that the group has still to read or to acknowledge.

        `entries` maps entry ids to event ids. A missing group counts as a group that has read
        nothing, because a new group starts at the first entry.
        """
        with _translated():
            read_to = self._read_to(stream, group)
            with self._redis.pipeline(transaction=False) as pipe:
                for entry_id in entries:
                    pipe.xrange(stream, min=entry_id, max=entry_id, count=1)
                answers = zip(entries, pipe.execute(), strict=True)
            there = [entry_id for entry_id, found in answers if _holds(found, entries[entry_id])]
            ahead = {entry_id for entry_id in there if _position(entry_id) > read_to}
            behind = [entry_id for entry_id in there if entry_id not in ahead]
            with self._redis.pipeline(transaction=False) as pipe:
                for entry_id in behind:
                    pipe.xpending_range(stream, group, min=entry_id, max=entry_id, count=1)
                return ahead | {
                    entry_id
                    for entry_id, found in zip(behind, pipe.execute(), strict=True)
                    if found
                }

    def _read_to(self, stream: str, group: str) -> tuple[int, int]:
        try:
            groups: Any = self._redis.xinfo_groups(stream)
        except redis.ResponseError as error:
            if "no such key" in str(error):
                return 0, 0
            raise
        return next(
            (_position(str(each["last-delivered-id"])) for each in groups if each["name"] == group),
            (0, 0),
        )

    def trim(self, stream: str, groups: Sequence[str], before_ms: int) -> int:
        """Delete entries that are older than a Unix time in ms; return how many were deleted.

        An entry is deleted only after each of `groups` has acknowledged it. While a group is
        missing nothing is deleted, because that group has read nothing yet.
        """
        floor = (before_ms, 0)
        with _translated():
            if not self._redis.exists(stream):
                return 0
            delivered = {
                str(found["name"]): str(found["last-delivered-id"])
                for found in self._redis.xinfo_groups(stream)
            }
            for group in groups:
                if group not in delivered:
                    return 0
                pending: Any = self._redis.xpending(stream, group)
                floor = min(floor, _position(pending["min"] or delivered[group]))
            return int(self._redis.xtrim(stream, minid=f"{floor[0]}-{floor[1]}", approximate=False))


def _holds(found: Any, event_id: str) -> bool:
    # After a failover or a loss of data, Redis may have given the same entry id to another event.
    return any(fields and fields.get("event_id") == event_id for _, fields in found)


def _position(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)


def open_streams(settings: Settings) -> Streams:
    """Open the process's Redis; nothing connects before the first call."""
    if settings.redis_url is None:
        raise AssertionError(f"{settings.process} uses streams, but its settings have no REDIS_URL")
    return Streams(settings.redis_url.reveal().decode())


class RedisCheck:
    """The health check that Redis answers (RS-7); the first poll connects."""

    def __init__(self) -> None:
        """Connect to nothing yet."""
        self._streams: Streams | None = None

    def poll(self, context: Context) -> str:
        """Return "ok" if Redis answers, else the error."""
        self._streams = self._streams or open_streams(context.settings)
        try:
            self._streams.ping()
        except StreamsError as error:
            return str(error)
        return OK


def wallet_stream(partition_no: int) -> str:
    """Return the name of the stream of one partition of wallet events."""
    return f"{WALLET_STREAM_PREFIX}{partition_no}"


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except redis.ResponseError as error:
        if str(error).startswith("NOGROUP"):
            raise GroupMissing(str(error)) from error
        raise StreamsError(f"Redis refused the command: {error}") from error
    except redis.RedisError as error:
        raise StreamsError(f"Redis did not answer: {error}") from error
