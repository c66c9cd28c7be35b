"""Exports and stream groups, on real servers and files."""

import csv
import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import psycopg
import pytest
import redis

from rubyops.adapters import streams
from rubyops.adapters.database import Link
from rubyops.adapters.effects import export
from rubyops.adapters.effects.export import export_tables
from rubyops.adapters.streams import StreamReader
from rubyops.errors import RubyopsError, Unreachable
from rubyops.ports import EffectIdentity
from tests.cluster import TestDatabase

TABLES = ("wallet_topology", "wallet_ledger", "wallet_currency")


def identity(effect: int) -> EffectIdentity:
    """The identity of an effect with fencing token 0, as on a platform before its first run."""
    return EffectIdentity(f"r-1/export/{effect}", "r-1", 0, "ann")


def test_an_export_whose_name_is_not_on_the_disk_is_none(
    platform_db: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = Link(lambda: platform_db.dsn("rubyops_ops"), "platform")
    final = tmp_path / "r-1-export-1"

    def fail(folder: Path) -> None:
        if folder == tmp_path:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken:
        broken.setattr(export, "sync_folder", fail)
        with pytest.raises(RubyopsError, match=r"\(Input/output error\); no file of it was left"):
            export_tables(link, tmp_path, identity(1), TABLES)
        assert list(tmp_path.iterdir()) == []
        broken.setattr(shutil, "rmtree", lambda folder, ignore_errors: None)
        with pytest.raises(RubyopsError, match="could not be removed. Remove that") as told:
            export_tables(link, tmp_path, identity(1), TABLES)
        assert str(final) in told.value.message
    final.rename(tmp_path / "removed")
    assert export_tables(link, tmp_path, identity(1), TABLES)["folder"] == str(final)
    link.close()


def test_an_export_is_whole_or_not_there(platform_db: TestDatabase, tmp_path: Path) -> None:
    link = Link(lambda: platform_db.dsn("rubyops_ops"), "platform")
    manifest = export_tables(link, tmp_path, identity(1), TABLES)
    folder = tmp_path / "r-1-export-1"
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json",
        *sorted(f"{table}.csv" for table in TABLES),
    ]
    data = (folder / "wallet_currency.csv").read_bytes()
    told = json.loads((folder / "manifest.json").read_text())["tables"]["wallet_currency"]
    assert (told["rows"], told["sha256"]) == (
        len(list(csv.reader(data.decode().splitlines()))) - 1,
        hashlib.sha256(data).hexdigest(),
    )
    assert export_tables(link, tmp_path, identity(1), TABLES) == manifest
    with pytest.raises(RubyopsError, match="has no schema|refused"):
        export_tables(link, tmp_path, identity(2), ("wallet_topology", "no_such_table"))
    assert not (tmp_path / "r-1-export-2").exists()
    assert link.one("ops_has_money")["ready"], "the connection is as it was"


def test_the_freeze_is_mirrored_and_an_overtaken_token_is_refused(
    platform_db: TestDatabase,
) -> None:
    link = Link(lambda: platform_db.dsn("rubyops_ops"), "platform")
    link.rows("ops_advance_fence", token=7)
    link.rows("ops_raise_freeze", level="ingress", epoch=3)
    with psycopg.connect(platform_db.superuser_dsn) as connection:
        assert connection.execute(
            "SELECT freeze_level, freeze_epoch FROM wallet.wallet_gate"
        ).fetchone() == ("ingress", 3)
    with pytest.raises(RubyopsError, match="taken over"):
        link.rows("ops_lower_freeze", token=6, level="open", epoch=4, change_no=0)
    with pytest.raises(RubyopsError, match="taken over"):
        link.rows("ops_advance_fence", token=6)


def test_groups_tell_lag_and_pending(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.xgroup_create("wallet.events.0", "rolling_worker", id="0", mkstream=True)
        client.xadd("wallet.events.0", {"a": "1"})
        client.xadd("wallet.events.0", {"a": "2"})
        client.xreadgroup("rolling_worker", "me", {"wallet.events.0": ">"}, count=1)
    (group,) = StreamReader(lambda: redis_url).groups()
    assert group == {
        "stream": "wallet.events.0",
        "group": "rolling_worker",
        "lag": 1,
        "pending": 1,
        "length": 2,
    }


def test_what_is_left_to_read_is_counted(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "PAGE_ENTRIES", 2)
    with redis.Redis.from_url(redis_url) as client:
        client.xgroup_create("wallet.events.0", "rolling_worker", id="0", mkstream=True)
        entries = [client.xadd("wallet.events.0", {"n": number}) for number in range(7)]
        client.xreadgroup("rolling_worker", "me", {"wallet.events.0": ">"}, count=1)
        client.xdel("wallet.events.0", *entries[2:4])
        told = client.xinfo_groups("wallet.events.0")[0]["lag"]
    (group,) = StreamReader(lambda: redis_url).groups()
    assert (told != 4, group["lag"]) == (True, 4), (
        "the server's own figure is wrong or missing once an entry was deleted"
    )


def test_a_redis_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="Redis cannot be reached"):
        StreamReader(lambda: "redis://127.0.0.1:1/0").groups()
