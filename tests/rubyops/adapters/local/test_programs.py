"""Server programs run with a time limit, and a timeout leaves no process behind."""

import sys
import time
from pathlib import Path

import pytest

from rubyops.adapters.local import orphans
from rubyops.adapters.local.programs import run_program
from rubyops.adapters.local.servers import Postgres
from rubyops.errors import TimedOut
from tests.rubyops.adapters.peers import timed

pytestmark = pytest.mark.fault


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    note = f"open({str(pids)!r}, 'a').write(f'{{os.getpid()}}\\n')"
    script = f"import os, time; os.fork(); {note}; time.sleep(600)"
    with timed() as seconds, pytest.raises(TimedOut, match=r"did not end within 1\.5 s"):
        run_program([sys.executable, "-c", script], 1.5)
    assert seconds[0] < 6
    deadline = time.monotonic() + 5
    while any(orphans.is_alive(int(pid)) for pid in pids.read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_cluster_that_was_not_made_in_time_is_not_taken_for_one(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    initdb = homes / "bin" / "initdb"
    initdb.parent.mkdir(mode=0o755)
    initdb.write_text('#!/bin/sh\necho 17 > "$2/PG_VERSION"\nsleep 600\n')
    initdb.chmod(0o755)
    monkeypatch.setattr("rubyops.adapters.local.servers.INITDB_SECONDS", 0.7)
    cluster = Postgres(initdb.parent, homes / "data", 1)
    with pytest.raises(TimedOut):
        cluster.create("password")
    assert not (homes / "data").exists()
