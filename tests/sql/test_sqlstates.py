"""The list of our SQLSTATEs matches our SQL, and no other file of ours contains such a code."""

import re
from pathlib import Path

from rubyops.config import CHECKOUT
from wallet_runtime.contract import sqlstates

STATEMENTS = CHECKOUT / "sql"
CODE = re.compile(r"\b(?:RW|RB)\d{3}\b")
THE_LIST = CHECKOUT / "wallet_runtime" / "contract" / "sqlstates.py"
PACKAGES = ("rubyops", "commands", "checks", "wallet_runtime")


def raised_in_sql() -> set[str]:
    files = STATEMENTS.rglob("*.sql")
    return {
        code
        for file in files
        for code in re.findall(r"ERRCODE = '((?:RW|RB)\d{3})'", file.read_text(encoding="utf-8"))
    }


def spelled(file: Path) -> list[str]:
    """The lines of a file that contain one of our SQLSTATEs in quotes."""
    return [
        line
        for line in file.read_text(encoding="utf-8").splitlines()
        if re.search(r"['\"](?:RW|RB)\d{3}['\"]", line)
    ]


def test_every_code_that_sql_raises_has_a_name_and_a_meaning() -> None:
    named = {
        value
        for value in vars(sqlstates).values()
        if isinstance(value, str) and CODE.fullmatch(value)
    }
    assert named == raised_in_sql() == set(sqlstates.MEANINGS)


def test_no_other_file_spells_a_code() -> None:
    files = [
        file
        for package in PACKAGES
        for file in (CHECKOUT / package).rglob("*.py")
        if file != THE_LIST
    ]
    assert len(files) > 300
    assert {file.name: spelled(file) for file in files if spelled(file)} == {}
