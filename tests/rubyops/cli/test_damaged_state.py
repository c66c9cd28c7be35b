"""A damaged file of state is told in words by every line, and never as a traceback."""

from pathlib import Path

import pytest

from rubyops.cli import main
from rubyops.config import HOME_VARIABLE
from rubyops.model.exit_code import ExitCode

LINES = (["status"], ["freeze"], ["up"], ["down"], ["doctor"], ["lock", "show"], ["verify", "--dry-run"])


@pytest.mark.parametrize("line", LINES, ids=" ".join)
@pytest.mark.parametrize("name", ["ports.json", "secrets.json", "servers.json"])
def test_a_damaged_file_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str, line: list[str]
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "ports.json").write_text('{"postgres": 1}')
    (tmp_path / "local" / name).write_bytes(b"")
    code = main.run(line)
    told = "".join(capfd.readouterr())
    assert code != ExitCode.DONE
    assert f"{name} is damaged" in told
    assert "Put a copy of it back" in told
