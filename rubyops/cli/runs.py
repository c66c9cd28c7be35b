"""Lines about past runs, their journals, the lock and playbook files."""

from typing import Any

import click

from rubyops import bootstrap
from rubyops.cli.console import Console, envelope, row
from rubyops.cli.options import line
from rubyops.engine.journal.lines import (
    Content,
    EffectEnded,
    EffectIntended,
    LockTaken,
    RunFinished,
    RunResumed,
    StepFinished,
)
from rubyops.engine.journal.reading import Reading
from rubyops.model.exit_code import ExitCode
from rubyops.model.recorded import short_commit
from rubyops.registry import PLAYBOOKS

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
    session = bootstrap.quiet_session(toolkit)
    rows = [
        _run_row(session.reading(run_id)) for run_id in reversed(toolkit.journals.runs()[-limit:])
    ]
    headers = ["run", "playbook", "started", "state", "exit"]
    console.table(
        [
            [
                item["id"],
                item["title"],
                item["details"].get("started_at"),
                item["summary"],
                item["details"].get("exit_code"),
            ]
            for item in rows
        ],
        headers,
    )
    console.answer(envelope("rubyops.runs/v1", toolkit.environment.name, rows))
    return ExitCode.DONE


def _run_row(reading: Reading) -> dict[str, Any]:
    history = reading.history
    if history is None:
        return row(
            reading.run_id,
            "?",
            reading.trouble,
            {"faults": reading.faults},
            status="unknown",
        )
    details = {
        "started_at": history.started_at[:19],
        "exit_code": history.exit_code,
        "who": history.who,
        "dry_run": history.dry_run,
        "commits": history.commits,
        "faults": reading.faults,
    }
    ended = {"finished": "ok", "planned": "noop", "failed": "failed"}.get(history.state, "unknown")
    words = f"{history.state}; {reading.trouble}" if reading.faults else history.state
    return row(
        reading.run_id,
        history.playbook.name,
        words,
        details,
        status="unknown" if reading.faults else ended,
    )


@click.command("show")
@click.argument("run_id", metavar="RUN")
@line
def runs_show(*, console: Console, environment: str | None, run_id: str) -> int:
    """Show the steps of RUN, each effect's intent and outcome, and what is in doubt."""
    toolkit = bootstrap.open_environment(environment)
    reading = bootstrap.quiet_session(toolkit).reading(run_id)
    history = reading.history
    if history is not None:
        _show_head(console, reading)
    for item in reading.chain.lines:
        words = _words(item.content)
        if words:
            console.data(f"{item.time[11:23]}  {words}")
    for fault in reading.faults:
        console.data(f"{console.mark('failed')} damaged: {fault}")
    if reading.chain.newer:
        console.data(f"{console.mark('unknown')} {reading.chain.newer}")
    rows = [
        row(step_id, step_id, record.summary, record.details, status=record.status or "unknown")
        for step_id, record in (history.steps if history else {}).items()
    ]
    run: dict[str, Any] = {"id": run_id, "faults": reading.faults}
    if history is not None:
        run |= {
            "playbook": history.playbook.name,
            "started_at": history.started_at,
            "state": history.state,
        }
    console.answer(envelope("rubyops.run/v1", toolkit.environment.name, rows, run=run))
    if reading.faults:
        console.say(f"Next: rubyops runs verify {run_id} -e {toolkit.environment.name}")
    elif history is not None and history.state not in ("finished", "planned"):
        console.say(f"Next: rubyops runs resume {run_id} -e {toolkit.environment.name}")
    return ExitCode.DONE


def _show_head(console: Console, reading: Reading) -> None:
    history = reading.history
    if history is None:
        return
    commits = " and ".join(short_commit(commit) for commit in history.commits)
    console.data(
        f"{reading.run_id} {history.playbook.title} · {history.state} · "
        f"by {history.who} on {history.host} · commit {commits}"
    )


def _words(content: Content | None) -> str:
    """Say a line of a journal; empty for one that is not shown."""
    words = ""
    match content:
        case EffectIntended(effect_id=effect_id, words=planned):
            words = f"  intent   {effect_id.partition('/')[2]:28} {planned}"
        case EffectEnded(effect_id=effect_id, status=status, summary=summary):
            words = f"  outcome  {effect_id.partition('/')[2]:28} {status}: {summary}"
        case StepFinished(step=step, status=status, summary=summary):
            words = f"step {step}: {status}: {summary}"
        case LockTaken(token=token):
            words = f"lock taken under token {token}"
        case RunResumed(pid=pid):
            words = f"resumed by process {pid}"
        case RunFinished(state=state, exit_code=code):
            words = f"run {state}, exit {code}"
    return words


@click.command("verify")
@click.argument("run_id", metavar="[RUN]", required=False)
@line
def runs_verify(*, console: Console, environment: str | None, run_id: str | None) -> int:
    """Look in the journal of RUN, or in all of them, for changed, missing, reordered and cut-off lines."""
    toolkit = bootstrap.open_environment(environment)
    session = bootstrap.quiet_session(toolkit)
    rows = []
    for name in [run_id] if run_id else toolkit.journals.runs():
        faults = session.faults(name)
        ahead = 0 if faults else session.ahead(name)
        late = f"sound; control did not see {ahead} line{'s' if ahead > 1 else ''} in time, and nothing in there is believed"
        sound = late if ahead else "sound"
        details = {"faults": faults, "ahead": ahead}
        rows.append(
            row(
                name, name, "; ".join(faults) or sound, details, status="failed" if faults else "ok"
            )
        )
        console.data(f"{console.mark(rows[-1]['status'])} {name}  {rows[-1]['summary']}")
    code = (
        ExitCode.CHECK_FAILED if any(item["status"] == "failed" for item in rows) else ExitCode.DONE
    )
    console.answer(
        envelope("rubyops.journals/v1", toolkit.environment.name, rows, exit_code=int(code))
    )
    return code


@click.command("show")
@line
def lock_show(*, console: Console, environment: str | None) -> int:
    """Show who holds the environment's lock, since when, and whether the process still lives."""
    toolkit = bootstrap.open_environment(environment)
    held = toolkit.control.lock()
    if held is None:
        console.data("free")
        console.answer(
            envelope(
                "rubyops.lock/v1",
                toolkit.environment.name,
                [row("lock", "lock", "free", status="noop")],
            )
        )
        return ExitCode.DONE
    holder = f"{held.holder.who} on {held.holder.host}, process {held.holder.pid}"
    words = f"run {held.run_id} of {holder}, since {held.acquired_at:%Y-%m-%d %H:%M:%S} UTC, token {held.token}"
    console.data(words)
    if held.gone:
        console.say(
            f"That process is gone.\nNext: rubyops runs resume {held.run_id} -e {toolkit.environment.name}"
        )
    details = {
        "run": held.run_id,
        "token": held.token,
        "gone": held.gone,
        "expires_at": held.expires_at,
    }
    console.answer(
        envelope("rubyops.lock/v1", toolkit.environment.name, [row("lock", "lock", words, details)])
    )
    return ExitCode.DONE


@click.command("list")
@line
def playbook_list(*, console: Console, environment: str | None) -> int:
    """List the playbooks that come with rubyops."""
    console.table(
        [[name, entry.summary] for name, entry in PLAYBOOKS.items()], ["playbook", "title"]
    )
    console.answer(
        envelope(
            "rubyops.playbooks/v1",
            environment,
            [row(name, entry.summary, entry.place) for name, entry in PLAYBOOKS.items()],
        )
    )
    return ExitCode.DONE


@click.command("validate")
@click.argument("file")
@line
def playbook_validate(*, console: Console, environment: str | None, file: str) -> int:
    """Type the playbook FILE and list every fault with file, line and column; runs nothing."""
    loaded = bootstrap.playbook(file)
    console.data(f"{loaded.source}: valid, {len(loaded.steps)} steps")
    console.answer(
        envelope(
            "rubyops.playbook/v1",
            environment,
            [row(loaded.name, loaded.title, f"{len(loaded.steps)} steps")],
        )
    )
    return ExitCode.DONE


@click.command("show")
@click.argument("playbook")
@line
def playbook_show(*, console: Console, environment: str | None, playbook: str) -> int:
    """Show the steps of PLAYBOOK and the source lines they cover."""
    loaded = bootstrap.playbook(playbook)
    rows = [
        row(
            step.id,
            step.title,
            f"{step.kind}: {step.name}",
            {"covers": step.covers, "line": step.line},
        )
        for step in loaded.steps
    ]
    console.data(f"{loaded.title} ({loaded.kind})")
    console.table(
        [
            [item["id"], item["title"], item["summary"], ", ".join(item["details"]["covers"])]
            for item in rows
        ],
        ["step", "title", "does", "covers"],
    )
    console.answer(envelope("rubyops.playbook/v1", environment, rows))
    return ExitCode.DONE
