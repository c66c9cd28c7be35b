"""`--dry-run` of the four main commands writes nothing but its own journal.

A comparison of all stored data and PostgreSQL's log show this. A planted write is detected.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import run

import pytest

from rubyops.adapters.local.servers import SUPERUSER
from rubyops.config import CHECKOUT
from tests.acceptance import picture
from tests.acceptance.home import Home
from tests.acceptance.platform import RUN_SECONDS_MAX, Answer, Live
from tests.alone import taking_ports

pytestmark = [pytest.mark.slow]
CANDIDATE = 2
# Each command, its environment and its exit code. The gate exits with 5, because some of its checks
# can decide only by writing.
LINES = [
    pytest.param(("rollout", "staging"), "staging", 0, id="rollout staging"),
    pytest.param(("rollback", "--tier", "2"), "local", 0, id="rollback --tier 2"),
    pytest.param(("backfill",), "local", 0, id="backfill"),
    pytest.param(("gate",), "local", 5, id="gate"),
]
EACH_LINE = pytest.mark.parametrize(("words", "name", "code"), LINES)
# Every dry-run first reads the freeze state as the SELECT-only role. The row policy below makes
# this read call the planted function.
PLANT = """
    CREATE EXTENSION dblink;
    CREATE TABLE control.planted (at timestamptz);
    CREATE FUNCTION control.plant() RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER
        AS $$ BEGIN {body} RETURN true; END $$;
    ALTER TABLE control.freeze_state ENABLE ROW LEVEL SECURITY;
    CREATE POLICY planted ON control.freeze_state TO rubyops_read USING (control.plant());
    CREATE POLICY others ON control.freeze_state TO gateway, wallet_service, wallet_worker,
        rolling_service, rolling_worker, game_service, player_service, admin_service, rubyops_ops
        USING (true);
"""
UPROOT = """
    DROP POLICY planted ON control.freeze_state;
    DROP POLICY others ON control.freeze_state;
    ALTER TABLE control.freeze_state DISABLE ROW LEVEL SECURITY;
    DROP FUNCTION control.plant();
    DROP TABLE control.planted;
    DROP EXTENSION dblink;
"""
INSERT = "INSERT INTO control.planted VALUES (now());"
TAKE_AN_ID = "PERFORM pg_current_xact_id();"
INSERT_PAST_THE_READER = (
    "PERFORM public.dblink_exec('{dsn}', 'INSERT INTO control.planted VALUES (now())');"
)


@pytest.fixture(scope="module")
def staging(home: Home) -> Iterator[Live]:
    """A staging environment with two copies of each process, rolled out."""
    made = Live(home, "staging")
    try:
        with taking_ports():
            made.done("rollout", "staging")
        yield made
    finally:
        made.close()
        made.run("down")


@pytest.fixture
def environments(live: Live, staging: Live) -> dict[str, Live]:
    """Both environments without pending events; the local one has money under the candidate."""
    player = live.player()
    assert live.deposit(player, "10.00", "SPORTS_NORMAL").status_code == 200
    live.activate(CANDIDATE)
    for each in (live, staging):
        each.settle_down()
    return {"local": live, "staging": staging}


@EACH_LINE
def test_dry_run_writes_nothing(
    environments: dict[str, Live],
    home: Home,
    tmp_path: Path,
    words: tuple[str, ...],
    name: str,
    code: int,
) -> None:
    live = environments[name]
    before = picture.folded(live)
    answer = rehearse(live, home, tmp_path, *words)
    assert picture.take(live).differences(before) == []
    assert (answer.code, answer.body["run"]["state"]) == (code, "planned"), answer.told
    assert answer.body["proof"]["transaction_ids_assigned"] == 0
    assert answer.body["proof"]["read_only_transactions"] > 0
    assert list(tmp_path.iterdir()) == []
    assert live.journal(answer.run_id)[-1]["state"] == "planned"


@pytest.mark.embedded_only(
    reason="reads PostgreSQL's own log, which others keep where we cannot look"
)
@EACH_LINE
def test_dry_run_comes_as_the_reader_alone(
    environments: dict[str, Live],
    home: Home,
    tmp_path: Path,
    words: tuple[str, ...],
    name: str,
    code: int,
) -> None:
    with picture.server_log(environments[name]) as log:
        assert rehearse(environments[name], home, tmp_path, *words).code == code
    assert (log.roles, log.begun) == ({"rubyops_read"}, {"BEGIN READ ONLY"})


@pytest.mark.fault
@EACH_LINE
def test_planted_insert_is_refused_and_ends_the_dry_run(
    environments: dict[str, Live],
    home: Home,
    tmp_path: Path,
    words: tuple[str, ...],
    name: str,
    code: int,
) -> None:
    del code
    live = environments[name]
    with planted(live, INSERT):
        before = picture.folded(live)
        answer = rehearse(live, home, tmp_path, *words)
        assert picture.take(live).differences(before) == []
    assert answer.code == 3
    assert "tried to write" in answer.told


@pytest.mark.fault
def test_planted_transaction_id_fails_the_toolkits_own_proof(
    environments: dict[str, Live], home: Home, tmp_path: Path
) -> None:
    live = environments["local"]
    with planted(live, TAKE_AN_ID):
        answer = rehearse(live, home, tmp_path, "gate")
    assert answer.code == 3
    assert "were given a transaction id" in answer.told


@pytest.mark.fault
def test_planted_write_past_the_reader_fails_the_comparison(
    environments: dict[str, Live], home: Home, tmp_path: Path
) -> None:
    live = environments["local"]
    past = INSERT_PAST_THE_READER.format(dsn=live.driver.dsn(SUPERUSER, "control").reveal())
    with planted(live, past):
        before = picture.folded(live)
        rehearse(live, home, tmp_path, "gate")
        assert picture.take(live).differences(before) == ["control.planted"]


def rehearse(live: Live, home: Home, empty: Path, *words: str) -> Answer:
    """Dry-run a command with the empty folder as HOME, temporary and working directory."""
    command = [
        sys.executable,
        "-m",
        "rubyops",
        *words,
        "--dry-run",
        "-e",
        live.name,
        "--output",
        "json",
    ]
    environ = {
        **home.environ(),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(empty),
        "TMPDIR": str(empty),
    }
    done = run(
        command,
        env=environ,
        cwd=empty,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    return Answer(done.returncode, json.loads(done.stdout), done.stderr)


@contextmanager
def planted(live: Live, body: str) -> Iterator[None]:
    """Run `body` whenever the SELECT-only role reads the freeze state, until the block ends."""
    with live.superuser("control") as connection:
        connection.execute(PLANT.format(body=body).encode())
        try:
            yield
        finally:
            connection.execute(UPROOT.encode())
