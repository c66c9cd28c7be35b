"""The commands about past runs, their journals, the lock and playbook files."""

from datetime import datetime

import click

from rubyops import bootstrap
from rubyops.cli import render
from rubyops.cli.console import Console
from rubyops.cli.options import line
from rubyops.views.lock import read_lock
from rubyops.views.playbooks import StepsView, ValidPlaybookView, shipped_playbooks
from rubyops.views.runs import (
    DamageFacts,
    JournalsView,
    RunFacts,
    RunView,
    read_run,
    read_runs,
    verify_journals,
)
from rubyops.views.view import Item

RUNS_SHOWN = 20


@click.command("list")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=RUNS_SHOWN,
    show_default=True,
    help="How many, newest first.",
)
@line
def runs_list(*, console: Console, environment: str | None, limit: int) -> int:
    """List runs, newest first, with what they were for and how they ended."""
    toolkit = bootstrap.open_environment(environment)
    view = read_runs(bootstrap.quiet_session(toolkit), limit)
    rows = [_row(run) for run in view.runs]
    console.table(rows, ["run", "playbook", "started", "state", "exit"])
    return render.answer(console, toolkit.environment.name, view)


def _row(run: Item[RunFacts | DamageFacts]) -> list[object]:
    facts = run.details if isinstance(run.details, RunFacts) else None
    started = f"{facts.started_at:%Y-%m-%dT%H:%M:%S}" if facts else None
    return [run.id, run.title, started, run.summary, facts.exit_code if facts else None]


@click.command("show")
@click.argument("run_id", metavar="RUN")
@line
def runs_show(*, console: Console, environment: str | None, run_id: str) -> int:
    """Show the steps of RUN, each effect's intent and outcome, and what is in doubt."""
    toolkit = bootstrap.open_environment(environment)
    view = read_run(bootstrap.quiet_session(toolkit), toolkit.environment.name, run_id)
    _show(console, view)
    return render.answer(console, toolkit.environment.name, view)


def _show(console: Console, view: RunView) -> None:
    if view.headline is not None:
        console.data(view.headline)
    for moment in view.moments:
        console.data(f"{_clock(moment.at)}  {moment.words}")
    for fault in view.head.faults:
        console.data(f"{console.mark('failed')} damaged: {fault}")
    if view.newer:
        console.data(f"{console.mark('unknown')} {view.newer}")
    if view.next_line is not None:
        console.say(f"Next: {view.next_line}")


def _clock(at: datetime) -> str:
    """Return the time of day to the millisecond, without the zone, which is UTC."""
    return at.isoformat(timespec="milliseconds")[11:23]


@click.command("verify")
@click.argument("run_id", metavar="[RUN]", required=False)
@line
def runs_verify(*, console: Console, environment: str | None, run_id: str | None) -> int:
    """Look for changed, missing, reordered and cut-off lines in the journal of RUN, or in all."""
    toolkit = bootstrap.open_environment(environment)
    reader = bootstrap.quiet_session(toolkit)
    judged = []
    # Show each journal at once, because many journals take a while.
    for item in verify_journals(reader, [run_id] if run_id else reader.journals.runs()):
        judged.append(item)
        console.data(f"{console.mark(item.status)} {item.id}  {item.summary}")
    return render.answer(console, toolkit.environment.name, JournalsView(tuple(judged)))


@click.command("show")
@line
def lock_show(*, console: Console, environment: str | None) -> int:
    """Show who holds the environment's lock, since when, and whether the process still lives."""
    toolkit = bootstrap.open_environment(environment)
    view = read_lock(toolkit.environment.name, toolkit.control)
    console.data(view.results[0].summary)
    if view.resume is not None:
        console.say(f"That process is gone.\nNext: {view.resume}")
    return render.answer(console, toolkit.environment.name, view)


@click.command("list")
@line
def playbook_list(*, console: Console, environment: str | None) -> int:
    """List the playbooks that come with rubyops."""
    view = shipped_playbooks()
    console.table([[item.id, item.title] for item in view.results], ["playbook", "title"])
    return render.answer(console, environment, view)


@click.command("validate")
@click.argument("file")
@line
def playbook_validate(*, console: Console, environment: str | None, file: str) -> int:
    """Type the playbook FILE and list every fault with file, line and column; runs nothing."""
    view = ValidPlaybookView(bootstrap.playbook(file))
    console.data(f"{view.playbook.source}: valid, {view.summary}")
    return render.answer(console, environment, view)


@click.command("show")
@click.argument("playbook")
@line
def playbook_show(*, console: Console, environment: str | None, playbook: str) -> int:
    """Show the steps of PLAYBOOK and the source lines they cover."""
    view = StepsView(bootstrap.playbook(playbook))
    console.data(f"{view.playbook.title} ({view.playbook.kind})")
    rows = [
        [item.id, item.title, item.summary, ", ".join(item.details.covers)] for item in view.results
    ]
    console.table(rows, ["step", "title", "does", "covers"])
    return render.answer(console, environment, view)
