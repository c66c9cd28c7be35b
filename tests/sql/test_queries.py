"""Every statement that code names exists, and every one that exists is named by somebody."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import sql

ROOT = Path(sql.__file__).parents[1]
PACKAGES = ("rubyops", "commands", "checks", "wallet_runtime")
VERBS = ("one", "maybe", "all", "run", "rows")
NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")


def _sources() -> Iterator[tuple[Path, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path, path.read_text(encoding="utf-8")


def _called_by_name(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in VERBS
            and node.args
        ):
            first = node.args[0]
            if (
                isinstance(first, ast.Constant)
                and isinstance(first.value, str)
                and NAME.fullmatch(first.value)
            ):
                yield first.value


def test_every_statement_that_is_called_by_name_exists() -> None:
    called = {
        (name, path.relative_to(ROOT).as_posix())
        for path, text in _sources()
        for name in _called_by_name(text)
    }
    assert len(called) > 50, "the calls are not found any more"
    assert sorted((name, path) for name, path in called if name not in sql.load()) == []


def test_no_statement_is_left_that_nobody_names() -> None:
    text = "\n".join(text for _, text in _sources())
    verbs = {name.rpartition("_outbox_")[2] for name in sql.load() if "_outbox_" in name}
    unnamed = {name for name in sql.load() if name not in text}
    made_of_parts = {f"{owner}_outbox_{verb}" for owner in ("wallet", "rolling") for verb in verbs}
    assert sorted(unnamed - made_of_parts) == []
