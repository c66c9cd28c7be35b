"""Every SQL statement that code names exists, and some code names every statement."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import sql
from sql.owners import PUBLISHERS
from wallet_runtime.contract.consumers import WALLET_CONSUMERS

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
    unnamed = {name for name in sql.load() if name not in text}
    assert sorted(name for name in unnamed if not _is_named_by_its_verb(name, text)) == []


def _is_named_by_its_verb(name: str, text: str) -> bool:
    """Whether code names an owner's statement without the prefix of the owner."""
    owners = {*PUBLISHERS, *(f"{publisher}_outbox" for publisher in PUBLISHERS), *WALLET_CONSUMERS}
    verbs = {name.removeprefix(f"{owner}_") for owner in owners if name.startswith(f"{owner}_")}
    verbs |= {
        verb.replace(consumer, "{consumer}") for verb in verbs for consumer in WALLET_CONSUMERS
    }
    return any(re.search(rf'f?"(\{{consumer\}}_)?{re.escape(verb)}"', text) for verb in verbs)


def test_every_statement_of_an_owner_is_filled_in() -> None:
    placeholders = ("{publisher}", "{consumer}")
    assert [name for name, text in sql.load().items() if any(p in text for p in placeholders)] == []
    owners = (*PUBLISHERS, *WALLET_CONSUMERS)
    assert all(re.fullmatch("[a-z][a-z0-9_]*", owner) for owner in owners), "else no identifier"
