"""The folder of state of a test worker: three small environments, of the kinds that ship."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from rubyops import config
from rubyops.engine.run.failpoint import VARIABLE
from tests import sources
from tests.acceptance.counted import count_suites
from tests.cluster import FOLDER_VARIABLE, connect
from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1

ENVIRONMENTS: dict[str, dict[str, object]] = {
    "local": {"kind": "local", "topology": RUBY_SPLIT_V1, "copies": 1},
    "local-unified": {"kind": "local", "topology": RUBY_UNIFIED_V1, "copies": 1},
    "staging": {"kind": "staging", "topology": RUBY_SPLIT_V1, "copies": 2},
}
IN_COMMON: dict[str, object] = {"driver": "local", "seed_players": 2000, "confirm": False}


class Home:
    """A folder of state with its environments file, as two variables name them to rubyops."""

    def __init__(self) -> None:
        """Make the folder below the run's; PostgreSQL's user must be able to pass through."""
        self.folder = Path(tempfile.mkdtemp(prefix="live-", dir=os.environ[FOLDER_VARIABLE]))
        self.folder.chmod(0o711)
        self.file = self.folder / "environments.yaml"
        entries = {
            name: {**own, **IN_COMMON, **self._servers(name)} for name, own in ENVIRONMENTS.items()
        }
        # JSON is YAML, too.
        self.file.write_text(
            json.dumps({"schema": config.SCHEMA, "environments": entries}, indent=2),
            encoding="utf-8",
        )
        count_suites(self.folder)

    def environ(self, failpoint: str | None = None) -> dict[str, str]:
        """The variables that rubyops is run with."""
        named = {config.HOME_VARIABLE: str(self.folder), config.FILE_VARIABLE: str(self.file)}
        return {**os.environ, **named, **({VARIABLE: failpoint} if failpoint else {})}

    def _servers(self, name: str) -> dict[str, object]:
        """Name the servers of an environment: the run's, or none where it brings its own."""
        if sources.name() == "embedded":
            return {}
        return dict(connect().servers_for(self.folder / name))

    def remove(self) -> None:
        """Delete everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
