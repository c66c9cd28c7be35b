"""All benchmarks, one after the other.

`python -m benchmarks [options of each]`; exits 1 when a ratio is outside its bound.
"""

import subprocess
import sys

SCRIPTS = ("authorize", "through_http", "reconciliation")


def main() -> int:
    """Run each script, with the given words for the two that play bets.

    Reconciliation keeps its own sizes.
    """
    failed = []
    for name in SCRIPTS:
        given = sys.argv[1:] if name != "reconciliation" else []
        if subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *given], check=False
        ).returncode:
            failed.append(name)
    print(
        "all ratios are within their bounds"
        if not failed
        else f"not within its bounds: {', '.join(failed)}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
