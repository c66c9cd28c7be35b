"""`python -m wallet_runtime <process>`: read the settings, then run it until a signal ends it."""

import os
import sys
from dataclasses import replace

from sql.code import code_digest

EXIT_USAGE = 2
EXIT_SETTINGS = 78
EXIT_FAILED = 1


def main(arguments: list[str]) -> int:
    """Run the named process.

    Return 2 for wrong usage, 78 for settings at fault, 1 for a port that is taken.
    """
    # Before anything else is imported: a file that changes meanwhile makes this copy an old one.
    code = code_digest()
    from wallet_runtime.contract.processes import PROCESSES  # noqa: PLC0415
    from wallet_runtime.plumbing.runtime.settings import SettingsError  # noqa: PLC0415

    if len(arguments) != 1 or arguments[0] not in PROCESSES:
        print(
            f"usage: python -m wallet_runtime <process>, one of: {', '.join(PROCESSES)}",
            file=sys.stderr,
        )
        return EXIT_USAGE
    try:
        return run_process(arguments[0], code)
    except SettingsError as error:
        print(f"{arguments[0]} does not start, because its settings are at fault:", file=sys.stderr)
        print("\n".join(f"  {fault}" for fault in error.faults), file=sys.stderr)
        return EXIT_SETTINGS


def run_process(process: str, code: str) -> int:
    """Run a process that loaded this code; return its exit code. Raises SettingsError."""
    from wallet_runtime.plumbing.runtime.settings import read_settings  # noqa: PLC0415

    settings = replace(read_settings(process, os.environ), code=code)
    # Imported after the settings were found good, so that a fault is told at once.
    from wallet_runtime import services  # noqa: PLC0415
    from wallet_runtime.plumbing.http.server import CannotListen, run  # noqa: PLC0415

    try:
        return run(services.load(process), settings)
    except CannotListen as error:
        print(f"{process} does not start: {error}", file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
