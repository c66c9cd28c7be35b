"""`python -m rubyops` and the installed `rubyops`."""

import sys

from rubyops.cli.main import run


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(run())


if __name__ == "__main__":
    main()
