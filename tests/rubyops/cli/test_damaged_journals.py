"""Commands about past runs, on journals that a disk, a crash or a person has damaged."""

import json
from pathlib import Path
from typing import Any

import pytest

from rubyops.model.exit_code import ExitCode
from tests.chains import as_text, chained
from tests.rubyops.cli.test_command_line import rubyops

BASE = {
    "who": "me",
    "host": "here",
    "commit": "a" * 40,
    "environment": "local",
    "time": "2026-11-20T10:00:00+00:00",
}
PLAYBOOK = {
    "name": "freeze",
    "title": "Freeze",
    "kind": "task",
    "source": "",
    "steps": [],
    "parameters": {},
}
STEP = {"step": "one", "number": 1, "effect_id": "r-good/one/1"}
GOOD: list[dict[str, Any]] = [
    {"type": "run_started", "playbook": PLAYBOOK, "dry_run": False},
    {"type": "intent", **STEP, "effect": {"effect": "Migrate"}, "words": "migrate"},
    {"type": "outcome", **STEP, "status": "ok", "summary": "done", "details": {}},
    {"type": "step_finished", "step": "one", "status": "ok", "summary": "done", "details": {}},
    {"type": "run_finished", "state": "finished", "exit_code": 0},
]
GONE = object()


def journal(run_id: str, at: int | None = None, **changes: Any) -> str:
    """The text of a good journal, in which one line has other fields."""
    lines = [{"run": run_id, **BASE, **line} for line in GOOD]
    if at is not None:
        lines[at] = {
            name: value for name, value in {**lines[at], **changes}.items() if value is not GONE
        }
    return as_text(chained(lines))


def number_as_text(text: str) -> str:
    return text.replace('"seq":5', '"seq":"5"')


DAMAGED: dict[str, str | bytes] = {
    "r-empty": "",
    "r-junk": bytes(range(256)) * 50,
    "r-halfjson": journal("r-halfjson") + '{"seq":',
    "r-badjson": journal("r-badjson") + '{"seq":\n',
    "r-numbers": number_as_text(journal("r-numbers")),
    "r-list": journal("r-list") + "[]\n",
    "r-null": journal("r-null") + "null\n",
    "r-deep": journal("r-deep") + "[" * 50_000 + "\n",
    "r-deeper": journal("r-deeper") + '{"a":' * 900 + "1" + "}" * 900 + "\n",
    "r-huge": journal("r-huge") + '{"seq":' + "9" * 5000 + "}\n",
    "r-nostart": "\n".join(journal("r-nostart").splitlines()[1:]) + "\n",
    "r-noplaybook": journal("r-noplaybook", 0, playbook=GONE),
    "r-textplaybook": journal("r-textplaybook", 0, playbook="mine"),
    "r-notitle": journal("r-notitle", 0, playbook={"name": "x"}),
    "r-nowho": journal("r-nowho", 0, who=None),
    "r-noeffect": journal("r-noeffect", 1, effect_id=GONE),
    "r-noepoch": journal("r-noepoch", 2, details={"epoch": "7"}),
    "r-nodetails": journal("r-nodetails", 2, details=[]),
    "r-nostate": journal("r-nostate", 4, state=7),
    "r-yesterday": journal("r-yesterday", 0, time="yesterday"),
    "r-zoneless": journal("r-zoneless", 0, time="2026-11-20T10:00:00"),
    "r-other": journal("r-good"),
}
# Damage that readers do not report. A torn last line was never acted on, and the details that an
# effect reported have no fixed types.
UNSEEN = {"r-halfjson", "r-noepoch"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "local" / "journal"
    folder.mkdir(parents=True)
    (folder / "r-good.ndjson").write_text(journal("r-good"))
    for name, content in DAMAGED.items():
        (folder / f"{name}.ndjson").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
    (folder / "r-folder.ndjson").mkdir()
    (folder / "r-loop.ndjson").symlink_to("r-loop.ndjson")
    (folder / "r-nowhere.ndjson").symlink_to("/nowhere")
    return tmp_path


def test_a_list_names_the_damaged_and_goes_on_with_the_rest(home: Path) -> None:
    done = rubyops("runs", "list", "--limit", "100", "--output", "json", home=home)
    assert (done.returncode, done.stderr) == (ExitCode.DONE, "")
    rows = {row["id"]: row for row in json.loads(done.stdout)["results"]}
    assert set(rows) == {"r-good", "r-folder", "r-loop", "r-nowhere", *DAMAGED}
    sound = {"r-good", *UNSEEN}
    assert {name for name, row in rows.items() if "damaged" not in row["summary"]} == sound
    assert {name for name, row in rows.items() if row["status"] == "unknown"} == set(rows) - sound


@pytest.mark.parametrize("run_id", [*DAMAGED, "r-folder", "r-loop", "r-nowhere", "r-good"])
def test_each_can_be_shown(home: Path, run_id: str) -> None:
    done = rubyops("runs", "show", run_id, home=home)
    assert (done.returncode, "Traceback" in done.stderr) == (ExitCode.DONE, False), done.stderr
    assert ("damaged: " in done.stdout) is (run_id not in {"r-good", *UNSEEN})


def test_doctor_names_them(home: Path) -> None:
    done = rubyops("doctor", home=home)
    assert "Traceback" not in done.stderr
    assert f"{len(DAMAGED) + 3 - len(UNSEEN)} of the newest journals are not sound" in done.stdout


def test_a_folder_of_journals_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "journal").write_text("a file")
    for words in (("runs", "list"), ("doctor",), ("runs", "show", "r-1")):
        done = rubyops(*words, home=tmp_path)
        assert done.returncode in (ExitCode.USAGE, ExitCode.CHECK_FAILED, ExitCode.DONE)
        assert "Traceback" not in done.stderr
        assert "journal" in done.stdout + done.stderr
