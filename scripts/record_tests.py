"""Record that the whole test command passed for the present commit; `rubyops gate` reads it for GATE-1."""

from datetime import UTC, datetime
from pathlib import Path

from rubyops import bootstrap, config
from rubyops.adapters.journal_file import JournalFolder
from rubyops.adapters.results import Results

SUITE = "tests"


def main() -> None:
    """Write the result below the state home, and say where."""
    results = Results(config.results_home(), JournalFolder(Path()), bootstrap.commit())
    path = results.record(SUITE, {"passed": True, "recorded_at": datetime.now(UTC).isoformat()})
    print(f"recorded for the release gate: {path}")


if __name__ == "__main__":
    main()
