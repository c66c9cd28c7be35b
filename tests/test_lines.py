"""Lines of code in every language have at most 100 columns; ruff checks only Python."""

from collections.abc import Iterator
from pathlib import Path

from rubyops.config import CHECKOUT

COLUMNS = 100
FOLDERS = ("benchmarks", "checks", "commands", "playbooks", "rubyops", "scripts", "sql", "tests")
SUFFIXES = {".py", ".sql", ".yaml", ".sh"}


def code(root: Path) -> Iterator[Path]:
    for folder in (*FOLDERS, "wallet_runtime"):
        yield from (path for path in (root / folder).rglob("*") if path.suffix in SUFFIXES)
    yield from (root / name for name in ("setup.cfg", "ruff.toml", "pyproject.toml"))


def too_long(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number}"
        for path in code(root)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > COLUMNS
    ]


def test_no_line_of_code_is_over_100_columns() -> None:
    assert too_long(CHECKOUT) == []


def test_a_long_line_is_found(tmp_path: Path) -> None:
    for name in ("setup.cfg", "ruff.toml", "pyproject.toml"):
        (tmp_path / name).write_text("")
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "planted.sql").write_text(f"SELECT 1;\nSELECT '{'x' * COLUMNS}';\n")
    assert too_long(tmp_path) == ["sql/planted.sql:2"]
