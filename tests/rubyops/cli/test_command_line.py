"""The command line: its table of commands, its exit codes and its machine-readable output."""

import ast
import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from rubyops import bootstrap
from rubyops.cli.lazy import LazyGroup
from rubyops.cli.main import cli
from rubyops.cli.session import _confirm
from rubyops.config import CHECKOUT
from rubyops.effects.base import AnyEffect
from rubyops.effects.freeze import LiftFreeze, RaiseFreeze
from rubyops.effects.platform import Migrate
from rubyops.engine.plan.step_plan import Plan, StepPlan
from rubyops.errors import Refused
from rubyops.model.environment import Environment
from rubyops.model.exit_code import ExitCode
from rubyops.model.step import Playbook, Step
from rubyops.registry import CHECKS, COMMANDS, PLAYBOOKS, Entry


def rubyops(*arguments: str, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "RUBYOPS_HOME": str(home), **environ}
    return subprocess.run(
        [sys.executable, "-m", "rubyops", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=60,
    )


def test_completion_offers_the_lines_that_begin_so(tmp_path: Path) -> None:
    done = rubyops(
        home=tmp_path, _RUBYOPS_COMPLETE="bash_complete", COMP_WORDS="rubyops ro", COMP_CWORD="1"
    )
    assert done.stdout.split() == ["plain,rollout", "plain,rollback"]


def test_every_line_of_the_table_can_be_made() -> None:
    def walk(group: LazyGroup) -> int:
        context = click.Context(group)
        found = 0
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            assert command.get_help(click.Context(command))
            found += walk(command) if isinstance(command, LazyGroup) else 1
        return found

    assert walk(cli) > 40


@pytest.mark.parametrize(("table", "folder"), [(COMMANDS, "commands"), (CHECKS, "checks")])
def test_every_module_of_the_folder_is_in_the_table(table: dict[str, Entry], folder: str) -> None:
    marker = {"commands": "COMMAND", "checks": "CHECK"}[folder]
    texts = {path: path.read_text(encoding="utf-8") for path in (CHECKOUT / folder).rglob("*.py")}
    docstrings = {
        ".".join(path.relative_to(CHECKOUT).with_suffix("").parts): ast.get_docstring(
            ast.parse(text)
        )
        for path, text in texts.items()
        if f"\n{marker} = " in text
    }
    assert docstrings.keys() == {entry.place for entry in table.values()}
    for name, entry in table.items():
        assert getattr(import_module(entry.place), marker).name == name
        assert (docstrings[entry.place] or "").splitlines()[0] == entry.summary


def test_every_playbook_is_in_the_table_and_loads() -> None:
    assert {path.name for path in (CHECKOUT / "playbooks").glob("*.yaml")} == {
        entry.place for entry in PLAYBOOKS.values()
    }
    for name, entry in PLAYBOOKS.items():
        assert bootstrap.playbook(name).title == entry.summary


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["no-such"], ExitCode.USAGE, "No such command"),
        (["rollback", "--tier", "7"], ExitCode.USAGE, "'7' is not one of"),
        (["freeze", "--levl", "sealed"], ExitCode.USAGE, "--level"),
        (["status", "-e", "nowhere"], ExitCode.USAGE, "nowhere"),
        (["status"], ExitCode.UNREACHABLE, "is down"),
        (["gate", "--dry-run"], ExitCode.UNREACHABLE, "never brought up"),
        (["run", "rollout-lokal"], ExitCode.USAGE, "did you mean 'rollout-local'?"),
        (["runs", "resume", "r-0"], ExitCode.USAGE, "there is no run r-0"),
        (["help", "exit-codes"], ExitCode.DONE, "outcome of an effect is unknown"),
    ],
)
def test_every_end_has_its_exit_code(
    arguments: list[str], code: ExitCode, words: str, tmp_path: Path
) -> None:
    done = rubyops(*arguments, home=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stdout + done.stderr


def test_json_is_alone_on_stdout_even_when_it_fails(tmp_path: Path) -> None:
    done = rubyops("status", "--output", "json", home=tmp_path)
    answer = json.loads(done.stdout)
    assert (answer["ok"], answer["exit_code"], answer["environment"], answer["results"]) == (
        False,
        4,
        "local",
        [],
    )
    assert done.returncode == ExitCode.UNREACHABLE


def test_ndjson_begins_with_the_version_and_ends_with_the_summary(tmp_path: Path) -> None:
    lines = [
        json.loads(line)
        for line in rubyops(
            "playbook", "list", "--output", "ndjson", home=tmp_path
        ).stdout.splitlines()
    ]
    assert [line["type"] for line in lines] == ["version", "summary"]
    assert lines[-1]["exit_code"] == 0


def test_a_closed_pipe_is_no_crash(tmp_path: Path) -> None:
    command = f"{sys.executable} -m rubyops playbook show rollout-local | true"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "RUBYOPS_HOME": str(tmp_path)},
        check=False,
    )
    assert "Traceback" not in done.stderr


def say_nothing() -> None:
    """Print nothing about the money."""


def plan_of(*effects: AnyEffect) -> Plan:
    step = Step("one", "one", "command", "migrate", None, (), 1)
    return Plan(
        Playbook("p", "p", "task", (step,), {}, ""), (StepPlan(step, "planned", effects),), "p-1"
    )


def test_a_changing_run_is_confirmed_by_the_environments_name(tmp_path: Path) -> None:
    staging = Environment("staging", "staging", "local", "RUBY_SPLIT_V1", 2, 0, True, tmp_path)
    with pytest.raises(Refused, match="--confirm staging"):
        _confirm(plan_of(Migrate()), staging, None, say_nothing)
    with pytest.raises(Refused, match="'stagin'"):
        _confirm(plan_of(Migrate()), staging, "stagin", say_nothing)
    _confirm(plan_of(Migrate()), staging, "staging", say_nothing)
    # A freeze needs no confirmation, because freezing must stay easy.
    _confirm(plan_of(RaiseFreeze("ingress", "")), staging, None, say_nothing)
    with pytest.raises(Refused, match="--confirm staging"):
        _confirm(plan_of(LiftFreeze("")), staging, None, say_nothing)


@pytest.mark.parametrize("kind", ["topology", "policy"])
def test_the_published_schema_is_printed_without_a_platform(kind: str, tmp_path: Path) -> None:
    done = rubyops(kind, "schema", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads(
        (CHECKOUT / "docs" / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8")
    )
