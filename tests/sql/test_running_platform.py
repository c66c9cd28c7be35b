"""A revision breaks nothing for the processes of the previous release, which keep running."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from rubyops.config import CHECKOUT
from sql import migrations

SQUAWK = Path(sys.executable).with_name("squawk")
RULES = CHECKOUT / "sql" / "squawk.toml"
# Revisions up to these are not checked, because no platform ran before the first release.
FIRST_RELEASE = {"platform": "0008", "control": "0002"}
FAULTS = {
    "ban-drop-column": "ALTER TABLE wallet.wallet_player DROP COLUMN canary;",
    "ban-drop-table": "DROP TABLE wallet.wallet_lock;",
    "renaming-column": "ALTER TABLE wallet.wallet_player RENAME COLUMN status TO state;",
    "renaming-table": "ALTER TABLE wallet.wallet_lock RENAME TO wallet_locked;",
    "changing-column-type": "ALTER TABLE wallet.wallet_player ALTER COLUMN version TYPE numeric;",
    "adding-required-field": "ALTER TABLE wallet.wallet_player ADD COLUMN note text NOT NULL;",
    "constraint-missing-not-valid": "ALTER TABLE wallet.wallet_player ADD CHECK (version >= 0);",
    "syntax-error": "ALTER TABLE wallet.wallet_player ADD COLUMN;",
}


def told(files: Sequence[Path]) -> str:
    """The complaints of squawk about these files; empty if it has none."""
    line = [str(part) for part in (SQUAWK, "--config", RULES, "--reporter", "gcc", *files)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    return done.stdout + done.stderr if done.returncode else ""


def test_no_revision_breaks_what_runs() -> None:
    later = [
        path
        for which, last in FIRST_RELEASE.items()
        for path in sorted((migrations.FOLDER / which / "statements").glob("*.up.sql"))
        if path.name.partition("_")[0] > last
    ]
    assert later
    assert told(later) == ""


@pytest.mark.parametrize(("rule", "statement"), FAULTS.items(), ids=FAULTS)
def test_a_statement_that_breaks_it_is_named(rule: str, statement: str, tmp_path: Path) -> None:
    path = tmp_path / "0099_fault.up.sql"
    path.write_text(f"{statement}\n")
    assert rule in told([path])


def test_a_statement_that_has_to_be_says_so(tmp_path: Path) -> None:
    path = tmp_path / "0099_contract.up.sql"
    path.write_text(f"-- squawk-ignore ban-drop-table\n{FAULTS['ban-drop-table']}\n")
    assert told([path]) == ""
