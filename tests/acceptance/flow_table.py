"""The table of broken rules and the flows they turn red: `test_flows` writes it, `python -m tests.acceptance.flow_table` prints it.

It lies beside the other results of this commit, and says what was seen, not what was expected.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rubyops import bootstrap, config

HEAD = ("topology", "broken rule", "in", "flow", "result")


@dataclass
class FlowTable:
    """Rows of one test run: what each flow said under each broken rule, one row per flow that turned red."""

    rows: list[tuple[str, str, str, str, str]] = field(default_factory=list)

    def note(self, topology: str, rule: str, place: str, red: dict[str, str]) -> None:
        """Note which flows turned red, and with which words."""
        self.rows += [
            (topology, rule, place, flow, f"red: {words}") for flow, words in sorted(red.items())
        ] or [(topology, rule, place, "all", "green")]

    def write(self) -> None:
        """Replace this commit's table."""
        path = newest_path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(
            "\n".join((_line(HEAD), _line(("---",) * len(HEAD)), *map(_line, self.rows), "")),
            encoding="utf-8",
        )
        unfinished.replace(path)


def newest_path() -> Path:
    """Name the file of this commit's table."""
    return config.results_home() / bootstrap.commit() / "flow-table.md"


def main() -> int:
    """Print the table, or say how to get one."""
    path = newest_path()
    if not path.exists():
        print(
            f"no table at {path}; run: python -m pytest tests/acceptance/test_flows.py",
            file=sys.stderr,
        )
        return 1
    print(path.read_text(encoding="utf-8"), end="")
    return 0


def _line(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    sys.exit(main())
