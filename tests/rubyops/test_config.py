"""The shipped environments file is valid, and an error in a file is shown with its place."""

from pathlib import Path

import pytest

from rubyops import config
from rubyops.errors import UsageError

HEAD = "schema: rubyops.environments/v1\nenvironments:\n"


@pytest.fixture
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(config.HOME_VARIABLE, str(tmp_path))
    monkeypatch.delenv(config.FILE_VARIABLE, raising=False)
    return tmp_path


def test_the_shipped_environments(homes: Path) -> None:
    known = config.load_environments()
    assert {name: (e.kind, e.topology, e.copies) for name, e in known.items()} == {
        "local": ("local", "RUBY_SPLIT_V1", 1),
        "local-unified": ("local", "RUBY_UNIFIED_V1", 1),
        "staging": ("staging", "RUBY_SPLIT_V1", 2),
    }
    assert config.environment() == known["local"]
    assert known["staging"].home == homes / "staging" == config.state_home("staging")


def test_variables_name_servers_where_the_file_does_not(
    homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (config.environment().database_url, config.environment().redis_url) == (None, None)
    monkeypatch.setenv("DATABASE_URL", "postgresql://from-variable/ruby")
    monkeypatch.setenv("REDIS_URL", "redis://from-variable/0")
    path = homes / "environments.yaml"
    path.write_text(
        HEAD
        + "  local: {kind: local, driver: local, topology: RUBY_SPLIT_V1, "
        + "database_url: 'postgresql://from-file/ruby'}\n"
    )
    monkeypatch.setenv(config.FILE_VARIABLE, str(path))
    assert (config.environment().database_url, config.environment().redis_url) == (
        "postgresql://from-file/ruby",
        "redis://from-variable/0",
    )


def test_an_unknown_environment_is_told_which_there_are(homes: Path) -> None:
    with pytest.raises(UsageError, match=r"no environment 'stagin'.*local, local-unified, staging"):
        config.environment("stagin")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "  a: {kind: lokal, driver: local, topology: RUBY_SPLIT_V1}\n",
            r":3:13: kind: .*'lokal' \(allowed: local, staging, production\)",
        ),
        (
            "  a: {kind: local, driver: local, topology: RUBY_SPLIT_V1, copys: 2}\n",
            r":3:60: .*`copys` \(allowed: .*copies",
        ),
        (
            "  a: {kind: local, driver: local, topology: RUBY_SPLIT_V1, copies: 0}\n",
            r":3:68: copies: .*found 0 \(allowed: 1 to 8\)",
        ),
        (
            "  a: {kind: local, driver: local, topology: RUBY_SPLIT_V1, confirm: 'no'}\n",
            r":3:69: confirm: .*'no' \(allowed: true, false\)",
        ),
        ("  a: {driver: local}\n", r":3:6: .*missing required field `kind`"),
        (
            "  A: {kind: local, driver: local, topology: RUBY_SPLIT_V1}\n",
            r":3:3: environment name 'A'",
        ),
        ("  a: 1\n  a: 2\n", r":4:3: key 'a' stands twice"),
        ("  a: [\n", r": this is not YAML"),
    ],
)
def test_a_fault_is_shown_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "environments.yaml"
    path.write_text(HEAD + text)
    with pytest.raises(UsageError, match=expected):
        config.load_environments(path)


def test_another_schema_and_an_unknown_top_key_are_both_told(tmp_path: Path) -> None:
    path = tmp_path / "environments.yaml"
    path.write_text("schema: v2\nenvironment: {}\n")
    with pytest.raises(UsageError, match=r"(?s)schema is 'v2'.*unknown key 'environment'"):
        config.load_environments(path)
