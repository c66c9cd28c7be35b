"""The table of broken rules and the flows that each turned red.

The flow tests write a file for each topology; `python -m tests.acceptance.flow_table` prints them.
It lies beside the other results of this commit.
"""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rubyops import bootstrap, config
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1

HEAD = ("topology", "broken rule", "in", "flow", "result")


@dataclass
class FlowTable:
    """Rows of one topology: what each red flow said under each broken rule."""

    topology: str
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def note(self, rule: str, place: str, red: dict[str, str]) -> None:
        """Note which flows turned red, and with which words."""
        self.rows += [
            (self.topology, rule, place, flow, f"red: {words}")
            for flow, words in sorted(red.items())
        ] or [(self.topology, rule, place, "all", "green")]

    def write(self) -> None:
        """Replace this commit's rows of the topology."""
        path = newest_path(self.topology)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text("".join(map(_line, self.rows)), encoding="utf-8")
        unfinished.replace(path)


def newest_path(topology: str) -> Path:
    """Name the file of this commit's rows."""
    return config.results_home() / bootstrap.commit() / f"flow-table-{topology}.md"


def main() -> int:
    """Print the table, or say how to get one."""
    paths = [path for path in map(newest_path, (RUBY_SPLIT_V1, RUBY_UNIFIED_V1)) if path.exists()]
    if not paths:
        run = "python -m pytest tests/acceptance/test_flows_on_split.py"
        print(f"no table of this commit; run: {run}", file=sys.stderr)
        return 1
    print(_line(HEAD) + _line(("---",) * len(HEAD)), end="")
    print("".join(path.read_text(encoding="utf-8") for path in paths), end="")
    return 0


def _line(cells: tuple[str, ...]) -> str:
    shown = " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells)
    return f"| {shown} |\n"


if __name__ == "__main__":
    sys.exit(main())
