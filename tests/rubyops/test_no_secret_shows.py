"""No secret of an environment shows in a text that is printed, logged or journaled."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from rubyops.adapters.journal_file import JournalFolder
from rubyops.adapters.local.keyring import NAMES, Keyring
from rubyops.cli.channel import Channel
from rubyops.cli.main import _tell
from rubyops.config import CHECKOUT
from rubyops.engine.journal.lines import Origin, StepFinished
from rubyops.engine.journal.writer import Journal
from rubyops.model.json_object import JsonObject
from wallet_runtime.contract.secrets import HOLDERS, MASK, keep_out, masked
from wallet_runtime.plumbing.runtime.settings import SecretBytes

RAW = 'p"ss w/rd\\of somebody'  # a password that URLs and JSON write with escapes
# A program that logs a secret in every way in which a log line of the runtime is written.
LOGS = """
import logging, sys, threading, structlog
from wallet_runtime.plumbing.runtime import logging as ours
from wallet_runtime.plumbing.runtime.settings import SecretBytes
ours.configure("gateway", 1)
secret = SecretBytes(sys.stdin.read()).reveal().decode()
structlog.get_logger("x").info("of a field", told=secret, nested={"deep": [secret]})
structlog.get_logger("x").warning("in the words: " + secret)
logging.getLogger("library").error("an argument: %s", secret)
for log in (structlog.get_logger("x"), logging.getLogger("library")):
    try:
        raise ValueError(f"cannot connect to postgresql://user:{secret}@host/x")
    except ValueError:
        log.exception("failed")
def fails(): raise ValueError(secret)
thread = threading.Thread(target=fails); thread.start(); thread.join()
raise ValueError(secret)
"""


@pytest.fixture(scope="module")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> Keyring:
    """The secrets of a new environment."""
    made = Keyring(tmp_path_factory.mktemp("home") / "secrets.json")
    made.complete()
    return made


def test_the_table_is_whole() -> None:
    assert len(NAMES) >= 24
    assert set(HOLDERS) < set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_toolkit_shows_none(
    keyring: Keyring, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = keyring[name].reveal()
    said = (
        value,
        f"postgresql://user:{value}@host:5432/ruby",
        json.dumps({"deep": [value]}),
        f"\x1b[1m{value}\x1b[0m",
    )
    for stream in ("stdout", "stderr"):
        channel = Channel("stdout" if stream == "stdout" else "stderr", str)
        for text in said:
            channel.write(text)
    for text in said:
        _tell(text)
    folder = JournalFolder(tmp_path)
    journal = Journal(folder.create("r-1"), Origin(run="r-1", environment=said[1]))
    details: JsonObject = {"text": said, "nested": {"deep": [{"deeper": value}]}}
    journal.write(StepFinished(step=value, status="ok", summary=value, details=details))
    journal.close()
    out, err = capsys.readouterr()
    shown = "\n".join((out, err, *folder.read("r-1")[0]))
    assert shown.count(MASK) >= 3 * len(said)
    assert value not in shown


@pytest.mark.parametrize("value", ["a-plain-token-0123", RAW], ids=["plain", "with signs"])
def test_a_process_of_the_platform_logs_none(value: str) -> None:
    command = [sys.executable, "-c", LOGS]
    done = subprocess.run(
        command, input=value, capture_output=True, text=True, cwd=CHECKOUT, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert (len(lines), done.stderr, done.returncode) == (7, "", 1)
    forms = {value, json.dumps(value)[1:-1], quote(value, safe="")}
    assert not [form for form in forms if form in done.stdout]
    assert done.stdout.count(MASK) >= 7


def test_a_url_keeps_its_password_out_and_not_its_other_parts() -> None:
    keep_out(f"redis://somebody:{quote(RAW, safe='')}@host.of.ours:6379/0")
    told = masked(f"somebody at host.of.ours said {RAW!r} and {RAW} and {quote(RAW, safe='')}")
    assert told.startswith("somebody at host.of.ours said ")
    assert "ss w" not in told.replace(repr(RAW), "") and quote(RAW, safe="") not in told


def test_words_of_ours_are_masked_by_no_careless_password() -> None:
    keep_out("postgresql://postgres:postgres@host/ruby")
    keep_out("short")
    assert masked("postgres is short of room") == "postgres is short of room"


def test_a_setting_is_kept_out_as_soon_as_it_is_read() -> None:
    assert SecretBytes("a-token-of-settings").matches(b"a-token-of-settings")
    assert masked("a-token-of-settings") == MASK
