"""`docs/bounds.md` lists every time limit with its value, and every call has a time limit."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from rubyops.config import CHECKOUT

TABLE = CHECKOUT / "docs" / "bounds.md"
TOOLKIT = CHECKOUT / "rubyops"
ROW = re.compile(r"^\|[^|]*\|\s*([\d.]+)\s+(?:s|times)\s*\|\s*`([\w.]+):([A-Z_]+)`", re.MULTILINE)
BOUND = re.compile(r"SECONDS|TIMEOUT_MS|CHECK_MS|CALL_ATTEMPTS")
# Calls that may wait forever without this argument.
NEEDED = {
    "subprocess.run": "timeout",
    "subprocess.check_output": "timeout",
    "httpx.Client": "timeout",
    "httpx.get": "timeout",
    "redis.Redis.from_url": "socket_timeout",
    "flock": "LOCK_NB",
}
# Calls that have no time limit. `rubyops.adapters.connections` connects with limits instead.
FORBIDDEN = ("psycopg.connect", "subprocess.call", "subprocess.check_call", "os.waitpid")
# Methods that wait forever if they are called without arguments.
BARE = ("wait", "join", "communicate", "acquire")


def rows() -> dict[tuple[str, str], float]:
    found = {}
    for number, module, name in ROW.findall(TABLE.read_text(encoding="utf-8")):
        found[(module, name)] = float(number)
    return found


def constants() -> Iterator[tuple[str, str]]:
    for path in sorted(TOOLKIT.rglob("*.py")):
        module = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            targets = node.targets if isinstance(node, ast.Assign) else []
            for target in targets:
                if isinstance(target, ast.Name) and BOUND.search(target.id):
                    yield module, target.id


@pytest.mark.parametrize(("place", "told"), rows().items(), ids=str)
def test_a_number_of_the_table_is_that_of_the_code(place: tuple[str, str], told: float) -> None:
    module, name = place
    value = getattr(import_module(module), name)
    assert told == (value / 1000 if name.endswith("_MS") else value)


def test_every_constant_is_in_the_table() -> None:
    assert set(constants()) - rows().keys() == set()
    assert len(rows()) > 30


def unbounded(text: str) -> list[str]:
    """The calls in a module that may wait forever."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = ast.unparse(node)
        if called in FORBIDDEN:
            found.append(given)
        needed = NEEDED.get(called) or NEEDED.get(called.rpartition(".")[2])
        if needed and needed not in given:
            found.append(given)
        bare = isinstance(node.func, ast.Attribute) and node.func.attr in BARE
        if bare and not node.args and not node.keywords:
            found.append(given)
    return found


@pytest.mark.parametrize("path", sorted(TOOLKIT.rglob("*.py")), ids=lambda path: path.stem)
def test_no_call_is_without_a_bound(path: Path) -> None:
    assert unbounded(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "psycopg.connect(dsn)",
        "subprocess.run(['git'], check=True)",
        "tests.wait()",
        "thread.join()",
        "lock.acquire()",
        "program.communicate()",
        "httpx.get(url)",
        "redis.Redis.from_url(url)",
        "fcntl.flock(file, fcntl.LOCK_EX)",
    ],
)
def test_a_planted_call_without_a_bound_is_found(planted: str) -> None:
    assert unbounded(planted) == [planted]
