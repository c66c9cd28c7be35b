"""Runs all benchmarks, one after the other.

`python -m benchmarks [OPTIONS]` exits with 1 when a ratio is outside its bound. The options go to
the benchmarks `authorize` and `through_http`.
"""

import subprocess
import sys

SCRIPTS = ("authorize", "through_http", "reconciliation")


def main() -> int:
    """Run each script. Return 1 if a ratio is outside its bound.

    The benchmark of reconciliation gets no options, because it has other ones.
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
