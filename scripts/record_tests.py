"""Record that the whole test command passed for the present commit.

`rubyops gate` reads it for GATE-1.

`scripts/test` calls this twice: `record_tests.py begin NOTE`, and `record_tests.py finish NOTE REPORT...` with the reports of
pytest. Called otherwise it records nothing.
"""

import sys
from pathlib import Path

from rubyops import bootstrap, config
from rubyops.adapters import whole_suite
from rubyops.errors import Refused

USAGE = "usage: record_tests.py begin NOTE | record_tests.py finish NOTE REPORT..."


def main(arguments: list[str]) -> int:
    """Begin or finish; return 2 for wrong usage, 3 where nothing is recorded."""
    results = bootstrap.sealed_results(config.results_home())
    match arguments:
        case ["begin", note]:
            whole_suite.begin(results, Path(note))
        case ["finish", note, *reports]:
            try:
                path = whole_suite.finish(results, config.CHECKOUT, Path(note), [Path(report) for report in reports])
            except Refused as refusal:
                print(f"not recorded for the release gate: {refusal.message}", file=sys.stderr)
                return refusal.exit_code
            print(f"recorded for the release gate: {path}")
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
