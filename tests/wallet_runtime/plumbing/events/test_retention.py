"""Retention deletes old rows and entries, but no entry that a consumer still needs."""

import pytest
import redis

from wallet_runtime.plumbing.events.retention import RetentionHours, read_retention_hours
from wallet_runtime.plumbing.events.streams import Streams
from wallet_runtime.plumbing.runtime.settings import SettingsError

STREAM, GROUP, LATE = "test.events", "readers", "late readers"
ALL = 2**60  # Unix time in ms: every entry is older


def _entries(redis_url: str) -> int:
    with redis.Redis.from_url(redis_url) as server:
        length: int = server.xlen(STREAM)
        return length


def _read(streams: Streams, group: str, count: int) -> list[str]:
    streams.fetch([STREAM], group, "one", count=count, block_ms=None)
    return [entry.entry_id for entry in streams.pending(STREAM, group, "one", after="0", count=100)]


def test_what_is_kept_is_configured_and_bounded() -> None:
    assert read_retention_hours({}) == RetentionHours()
    assert (
        read_retention_hours(
            {"OUTBOX_RETENTION_HOURS": "24", "STREAM_RETENTION_HOURS": "12"}
        ).outbox
        == 24
    )
    wrong = {
        "OUTBOX_RETENTION_HOURS": "0",
        "IDEMPOTENCY_RETENTION_HOURS": f"{'0' * 8}24{2**70}",
        "STREAM_RETENTION_HOURS": "\u0663",
        "INBOX_RETENTION_HOURS": "1e9",
    }
    with pytest.raises(SettingsError) as refused:
        read_retention_hours(wrong)
    assert (
        len(refused.value.faults) == 4
        and "OUTBOX_RETENTION_HOURS must be a whole number of hours from 24"
        in refused.value.faults[0]
    )
    with pytest.raises(SettingsError, match="must be more than STREAM_RETENTION_HOURS"):
        read_retention_hours(
            {
                "INBOX_RETENTION_HOURS": "48",
                "STREAM_RETENTION_HOURS": "48",
                "OUTBOX_RETENTION_HOURS": "24",
            }
        )
    with pytest.raises(SettingsError, match="must be more than OUTBOX_RETENTION_HOURS"):
        read_retention_hours({"INBOX_RETENTION_HOURS": "168"})
    with pytest.raises(
        SettingsError,
        match=r"OUTBOX_RETENTION_HOURS \(48\) must be more than STREAM_RETENTION_HOURS",
    ):
        read_retention_hours({"OUTBOX_RETENTION_HOURS": "48"})


def test_a_trim_waits_for_every_group(streams: Streams, redis_url: str) -> None:
    streams.publish(STREAM, [{"n": str(number)} for number in range(10)])
    assert streams.trim(STREAM, (GROUP, LATE), ALL) == 0, "a group that is missing has read nothing"
    streams.ensure_group(STREAM, GROUP)
    streams.ensure_group(STREAM, LATE)
    streams.acknowledge(STREAM, GROUP, _read(streams, GROUP, 10))
    assert streams.trim(STREAM, (GROUP, LATE), ALL) == 0, (
        "a group that was never given an entry holds all of them"
    )
    pending = _read(streams, LATE, 6)
    streams.acknowledge(STREAM, LATE, pending[:2])
    assert streams.trim(STREAM, (GROUP, LATE), ALL) == 2, "what is pending stays"
    streams.acknowledge(STREAM, LATE, pending[2:])
    assert streams.trim(STREAM, (GROUP, LATE), ALL) == 3, (
        "the last one delivered marks how far the group is"
    )
    assert _entries(redis_url) == 5
    assert [
        entry.fields for entry in streams.pending(STREAM, LATE, "one", after="0", count=100)
    ] == []
    assert len(_read(streams, LATE, 10)) == 4, "nothing that was not delivered is gone"


def test_a_trim_takes_only_what_is_old_enough(streams: Streams, redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as server:
        for milliseconds in (1000, 2000, 3000):
            server.xadd(STREAM, {"n": "1"}, id=f"{milliseconds}-0")
    assert streams.trim(STREAM, (), 2000) == 1
    assert streams.trim("no such stream", (), ALL) == 0
