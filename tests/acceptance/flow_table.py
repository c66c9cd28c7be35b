"""The table of broken rules, and the flows that failed under each rule.

The flow tests write one file per topology into the results folder of the commit. `python -m
tests.acceptance.flow_table` prints the files.
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
    """The rows of one topology: a broken rule, a flow that failed under it, and its message."""

    topology: str
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def note(self, rule: str, place: str, red: dict[str, str]) -> None:
        """Add one row per failed flow, or one row that says all flows passed."""
        self.rows += [
            (self.topology, rule, place, flow, f"red: {words}")
            for flow, words in sorted(red.items())
        ] or [(self.topology, rule, place, "all", "green")]

    def write(self) -> None:
        """Write the rows into the commit's file of the topology, in place of older rows."""
        path = newest_path(self.topology)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text("".join(map(_line, self.rows)), encoding="utf-8")
        unfinished.replace(path)


def newest_path(topology: str) -> Path:
    """The path of the topology's table for the current commit."""
    return config.results_home() / bootstrap.commit() / f"flow-table-{topology}.md"


def main() -> int:
    """Print the tables of both topologies, or the command that makes them."""
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
