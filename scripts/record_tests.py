"""Records the result of a whole test run for the present commit. GATE-1 reads this record.

`scripts/test` calls this script twice. Before the tests it calls `record_tests.py begin NOTE`. NOTE
is a file for the start of the run. After the tests it calls `record_tests.py finish NOTE REPORT...`
with the reports of pytest. If a part failed, it calls `record_tests.py fail NOTE PARTS REPORT...`
instead, with the names of the failed parts separated by semicolons.
"""

import sys
from pathlib import Path

from rubyops import bootstrap, config
from rubyops.adapters import whole_suite
from rubyops.errors import Refused

USAGE = (
    "usage: record_tests.py begin NOTE | record_tests.py finish NOTE REPORT... | "
    "record_tests.py fail NOTE PARTS REPORT..."
)


def main(arguments: list[str]) -> int:
    """Carry out `begin`, `finish` or `fail`. Return the exit code.

    The code is 2 for wrong usage, and 3 if the run could not be recorded as passed.
    """
    results = bootstrap.sealed_results(config.results_home())
    try:
        match arguments:
            case ["begin", note]:
                whole_suite.begin(results, Path(note))
            case ["finish", note, *reports]:
                path = whole_suite.finish(
                    results, config.CHECKOUT, Path(note), [Path(report) for report in reports]
                )
                print(f"recorded for the release gate: {path}")
            case ["fail", note, parts, *reports]:
                failed = [part.strip() for part in parts.split(";") if part.strip()]
                path = whole_suite.fail(
                    results, Path(note), failed, [Path(report) for report in reports]
                )
                print(f"recorded for the release gate, as failed: {path}")
            case _:
                print(USAGE, file=sys.stderr)
                return 2
    except Refused as refusal:
        print(f"not recorded for the release gate as passed: {refusal.message}", file=sys.stderr)
        return refusal.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
