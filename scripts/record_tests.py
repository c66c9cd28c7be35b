"""Record how the whole test command ended for the present commit.

`rubyops gate` reads it for GATE-1.

`scripts/test` calls this twice: `record_tests.py begin NOTE`, and `record_tests.py finish NOTE
REPORT...` with the reports of pytest, or `record_tests.py fail NOTE PARTS REPORT...` with the parts
that failed, divided by semicolons. Called otherwise it records nothing.
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
    """Begin, finish or fail.

    Returns 2 for wrong usage, 3 where it is not recorded that the tests passed.
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
