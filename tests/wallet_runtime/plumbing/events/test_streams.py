"""Streams on a real Redis: order, new groups, pending entries, timeouts."""

import socket
import time
from collections.abc import Iterator

import pytest
import redis

from wallet_runtime.plumbing.events.streams import GroupMissing, Streams, StreamsError

STREAM = "test.events"
GROUP = "readers"


@pytest.fixture
def server(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


def test_a_new_group_starts_at_the_first_entry_and_keeps_the_order(streams: Streams) -> None:
    streams.publish(STREAM, [{"n": str(n)} for n in range(5)])
    streams.ensure_group(STREAM, GROUP)
    streams.ensure_group(STREAM, GROUP)
    assert streams.fetch([STREAM], GROUP, "one", count=10, block_ms=None) == [STREAM]
    entries = streams.pending(STREAM, GROUP, "one", after="0", count=10)
    assert [entry.fields for entry in entries] == [{"n": str(n)} for n in range(5)]


def test_entries_stay_pending_until_they_are_acknowledged(streams: Streams) -> None:
    streams.ensure_group(STREAM, GROUP)
    streams.publish(STREAM, [{"n": "1"}, {"n": "2"}])
    streams.fetch([STREAM], GROUP, "one", count=10, block_ms=None)
    first, second = streams.pending(STREAM, GROUP, "one", after="0", count=10)
    streams.acknowledge(STREAM, GROUP, [first.entry_id])
    assert streams.pending(STREAM, GROUP, "one", after="0", count=10) == [second]
    assert streams.pending(STREAM, GROUP, "one", after=second.entry_id, count=10) == []
    assert streams.fetch([STREAM], GROUP, "one", count=10, block_ms=5) == []


def test_an_entry_trimmed_while_it_waited_is_told(streams: Streams, server: redis.Redis) -> None:
    streams.ensure_group(STREAM, GROUP)
    streams.publish(STREAM, [{"n": "1"}])
    streams.fetch([STREAM], GROUP, "one", count=10, block_ms=None)
    server.xtrim(STREAM, maxlen=0, approximate=False)
    (entry,) = streams.pending(STREAM, GROUP, "one", after="0", count=10)
    assert entry.fields is None


def test_a_lost_group_is_told_apart_from_other_failures(
    streams: Streams, server: redis.Redis
) -> None:
    with pytest.raises(GroupMissing):
        streams.fetch([STREAM], GROUP, "one", count=1, block_ms=None)
    server.set(STREAM, "no stream")
    with pytest.raises(StreamsError, match="WRONGTYPE"):
        streams.publish(STREAM, [{"n": "1"}])


def test_a_server_that_hangs_is_waited_for_a_bounded_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = Streams(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", timeout_seconds=0.3)
        began = time.monotonic()
        with pytest.raises(StreamsError, match="did not answer"):
            hanging.publish(STREAM, [{"n": "1"}])
        assert time.monotonic() - began < 2
        hanging.close()
