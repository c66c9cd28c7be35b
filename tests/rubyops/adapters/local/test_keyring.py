"""Secrets are made once, all differ, and only their owner can read the file."""

from pathlib import Path

import pytest

from rubyops.adapters.local.keyring import NAMES, Keyring
from rubyops.errors import RubyopsError


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    keys = Keyring(path)
    assert keys.empty
    keys.complete()
    assert path.stat().st_mode & 0o777 == 0o600
    values = {keys[name].reveal() for name in NAMES}
    assert len(values) == len(NAMES)
    again = Keyring(path)
    again.complete()
    assert {again[name].reveal() for name in NAMES} == values


def test_an_unknown_name_is_refused_without_showing_a_value(tmp_path: Path) -> None:
    keys = Keyring(tmp_path / "secrets.json")
    keys.complete()
    with pytest.raises(RubyopsError, match="No secret is named 'NOPE'") as refused:
        keys["NOPE"]
    assert keys["ADMIN_TOKEN_OPERATOR"].reveal() not in refused.value.message
