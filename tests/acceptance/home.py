"""The state folder of a test worker, with three small environments like the shipped ones."""

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
    """A state folder and an environments file; environment variables lead rubyops to both."""

    def __init__(self) -> None:
        """Create the folder with a mode that lets PostgreSQL's own user pass through."""
        self.folder = Path(tempfile.mkdtemp(prefix="live-", dir=os.environ[FOLDER_VARIABLE]))
        self.folder.chmod(0o711)
        self.file = self.folder / "environments.yaml"
        entries = {
            name: {**own, **IN_COMMON, **self._servers(name)} for name, own in ENVIRONMENTS.items()
        }
        # Every JSON document is valid YAML.
        self.file.write_text(
            json.dumps({"schema": config.SCHEMA, "environments": entries}, indent=2),
            encoding="utf-8",
        )
        count_suites(self.folder)

    def environ(self, failpoint: str | None = None) -> dict[str, str]:
        """The environment variables of a rubyops process, with an optional failpoint."""
        named = {config.HOME_VARIABLE: str(self.folder), config.FILE_VARIABLE: str(self.file)}
        return {**os.environ, **named, **({VARIABLE: failpoint} if failpoint else {})}

    def _servers(self, name: str) -> dict[str, object]:
        """The URLs of the test run's servers; nothing if the environment starts its own servers."""
        if sources.name() == "embedded":
            return {}
        return dict(connect().servers_for(self.folder / name))

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
