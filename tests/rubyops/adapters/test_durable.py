"""State files are replaced whole or not at all, and a damaged one gives a clear error.

The last test fails for new code that truncates a file before it writes.
"""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rubyops.adapters.durable import read_state, replace_state
from rubyops.adapters.local import fence_file
from rubyops.adapters.local.keyring import Keyring
from rubyops.adapters.local.layout import Program
from rubyops.adapters.local.ports import PortBook
from rubyops.adapters.local.server_locations import ServerLocations
from rubyops.adapters.local.servers import Valkey
from rubyops.adapters.local.supervisor import Supervisor
from rubyops.config import CHECKOUT
from rubyops.errors import Refused, RubyopsError, StateDamaged, StateUnwritable
from rubyops.model.environment import Environment
from rubyops.model.secret import Secret
from tests.full_disk import full_disk

# Calls that may truncate a file. Lock files are empty, and the output of a suite is no state.
# Results are written under another name first, and only count with a valid seal.
TRUNCATED = {
    "up_lock.py: (environment.home / 'up.lock').open('w')",
    "fence_file.py: (folder / f'{NAME}.lock').open('w')",
    "suites.py: output.open('wb')",
    "results.py: unfinished.write_text(json.dumps(row, indent=2) + '\\n', encoding='utf-8')",
    "whole_suite.py: note.write_text(json.dumps(results.seal(row)), encoding='utf-8')",
    "servers.py: tempfile.NamedTemporaryFile('w', dir=self.data.parent)",
}
DAMAGED = {
    "empty": b"",
    "cut off": b'{"postgres": 2',
    "no object": b"[]",
    "not text": b"\xff\xfe{}",
    "another kind of value": b'{"postgres": {}}',
}


def an_environment(home: Path, database_url: str | None = None) -> Environment:
    url = Secret(database_url) if database_url else None
    return Environment("here", "local", "local", "RUBY_SPLIT_V1", 1, 1, False, home, url)


def write_ports(home: Path) -> None:
    PortBook(home / "ports.json").usable(f"one-more-{len(list(home.iterdir()))}")


def write_secrets(home: Path) -> None:
    Keyring(home / "secrets.json").complete()


def write_servers(home: Path) -> None:
    ServerLocations(an_environment(home, "postgresql://ann:word@127.0.0.1:1/ruby")).remember()


def write_fence(home: Path) -> None:
    fence_file.advance(home / "supervisor", 8)


def write_configuration(home: Path) -> None:
    supervisor = Supervisor(home)
    supervisor.launch(supervisor.configuration([Program("x", "platform", 1, (), {})], home))


def write_valkey(home: Path) -> None:
    Valkey(Path("valkey-server"), home / "valkey", 1).configure({"ruby": "a", "rubyops_read": "b"})


WRITERS = {
    "ports.json": write_ports,
    "secrets.json": write_secrets,
    "servers.json": write_servers,
    "supervisor/fence": write_fence,
    "supervisor/supervisord.conf": write_configuration,
    "valkey/valkey.conf": write_valkey,
}
BEFORE = {
    "ports.json": '{"postgres": 20001}',
    "secrets.json": '{"x": "y"}',
    "servers.json": "{}",
    "supervisor/fence": "7\n",
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(BEFORE.get(name, "as before\n"))
    before = file.read_bytes()
    with (
        full_disk(),
        pytest.raises(StateUnwritable, match=r"cannot be written \(.*\)\. Make room") as told,
    ):
        WRITERS[name](tmp_path)
    assert str(file) in told.value.message
    assert file.read_bytes() == before
    assert not file.with_name(f"{file.name}.new").exists()


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", ["ports.json", "secrets.json", "servers.json"])
def test_a_damaged_file_is_told_with_the_way_out_and_no_value(
    tmp_path: Path, name: str, damage: str
) -> None:
    file = tmp_path / name
    file.write_bytes(DAMAGED[damage])
    with pytest.raises(StateDamaged, match="is damaged") as told:
        WRITERS[name](tmp_path)
    assert str(file) in told.value.message
    assert "Put a copy of it back" in told.value.message
    assert file.read_bytes() == DAMAGED[damage]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(StateDamaged, match=r"cannot be read \(Is a directory\)\. Mend it"):
        read_state(tmp_path, dict[str, int], "Mend it.")


@pytest.mark.parametrize(
    "held", [b"", b"\xc3\xa9", b"\xff\xfe", "٣".encode(), b"7 8", b"-1", b"seven\n"]
)
def test_a_damaged_fence_is_a_refusal(tmp_path: Path, held: bytes) -> None:
    (tmp_path / fence_file.NAME).write_bytes(held)
    for act in (fence_file.confirm, fence_file.advance):
        with pytest.raises(Refused, match="where one fencing token belongs") as told:
            act(tmp_path, 9)
        assert "rubyops lock show" in told.value.message
    assert (tmp_path / fence_file.NAME).read_bytes() == held


def test_a_neighbours_damaged_book_is_its_own_affair(tmp_path: Path) -> None:
    for name in ("local", "staging"):
        (tmp_path / name).mkdir()
    (tmp_path / "staging" / "ports.json").write_bytes(b"")
    assert PortBook(tmp_path / "local" / "ports.json").usable("postgres") > 0
    with pytest.raises(RubyopsError):
        PortBook(tmp_path / "staging" / "ports.json")


def test_state_is_read_by_its_owner_alone(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        replace_state(tmp_path / "state", "{}")
    finally:
        os.umask(umask)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600


def truncating(path: Path) -> Iterator[str]:
    """Yield the calls of a module that truncate a file before they write to it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        verb = ast.unparse(node.func).rpartition(".")[2]
        modes = [part.value for part in node.args if isinstance(part, ast.Constant)]
        opened = verb in ("open", "NamedTemporaryFile") and {"w", "wb", "w+"} & set(map(str, modes))
        if opened or verb in ("write_text", "write_bytes"):
            yield f"{path.name}: {ast.unparse(node)}"


def test_no_other_file_is_emptied_before_it_is_written() -> None:
    found = {call for path in (CHECKOUT / "rubyops").rglob("*.py") for call in truncating(path)}
    assert found - TRUNCATED == set()


def test_a_planted_truncation_is_found(tmp_path: Path) -> None:
    module = tmp_path / "planted.py"
    module.write_text("path.write_text('x')\npath.open('w')\nopen(path, 'wb')\npath.open('x')\n")
    assert len(list(truncating(module))) == 3
