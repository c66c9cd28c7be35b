"""`python -m wallet_runtime <process>`: read the settings and run the process until a signal."""

import os
import sys
from dataclasses import replace

from sql.code import code_digest

EXIT_USAGE = 2
EXIT_SETTINGS = 78
EXIT_FAILED = 1


def main(arguments: list[str]) -> int:
    """Run the named process.

    Return 2 for wrong usage, 78 for faulty settings, and 1 if the process cannot bind its port.
    """
    # The digest is computed before other modules are imported. So if a file changes during the
    # start, the digest differs from the file, and the process counts as outdated.
    code = code_digest()
    from wallet_runtime.contract.processes import PROCESSES  # noqa: PLC0415
    from wallet_runtime.plumbing.runtime.settings import SettingsError  # noqa: PLC0415

    if len(arguments) != 1 or arguments[0] not in PROCESSES:
        _complain(f"usage: python -m wallet_runtime <process>, one of: {', '.join(PROCESSES)}")
        return EXIT_USAGE
    try:
        return run_process(arguments[0], code)
    except SettingsError as error:
        _complain(f"{arguments[0]} does not start, because its settings are at fault:")
        _complain("\n".join(f"  {fault}" for fault in error.faults))
        return EXIT_SETTINGS


def _complain(text: str) -> None:
    print(text, file=sys.stderr)


def run_process(process: str, code: str) -> int:
    """Run a process and return its exit code; `code` is the digest of its source files.

    Raises `SettingsError`.
    """
    from wallet_runtime.plumbing.runtime.settings import read_settings  # noqa: PLC0415

    settings = replace(read_settings(process, os.environ), code=code)
    # This import is slow. So it follows the settings, whose faults are then reported at once.
    from wallet_runtime import services  # noqa: PLC0415
    from wallet_runtime.plumbing.http.server import CannotListen, run  # noqa: PLC0415

    try:
        return run(services.load(process), settings)
    except CannotListen as error:
        _complain(f"{process} does not start: {error}")
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
