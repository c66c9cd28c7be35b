"""Every command reports a damaged state file in words, never with a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rubyops.config import HOME_VARIABLE
from rubyops.model.exit_code import ExitCode

LINES = (
    ["status"],
    ["freeze"],
    ["up"],
    ["down"],
    ["doctor"],
    ["lock", "show"],
    ["verify", "--dry-run"],
)


@pytest.mark.parametrize("line", LINES, ids=" ".join)
@pytest.mark.parametrize("name", ["ports.json", "secrets.json", "servers.json"])
def test_a_damaged_file_is_told(tmp_path: Path, name: str, line: list[str]) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "ports.json").write_text('{"postgres": 1}')
    (tmp_path / "local" / name).write_bytes(b"")
    command = [sys.executable, "-m", "rubyops", *line]
    environ = {**os.environ, HOME_VARIABLE: str(tmp_path)}
    done = subprocess.run(
        command, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    told = done.stdout + done.stderr
    assert done.returncode != ExitCode.DONE
    assert "Traceback" not in told
    assert f"{name} is damaged" in told
    assert "Put a copy of it back" in told
