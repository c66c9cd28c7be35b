"""The entry point of `python -m rubyops` and of the installed command `rubyops`."""

import sys

from rubyops.cli.main import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
