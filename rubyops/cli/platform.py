"""Lines about the platform as a whole: status, down, doctor."""

import shutil
import sys
from typing import Any

import click

from rubyops import bootstrap
from rubyops.cli import render
from rubyops.cli.console import Console, envelope, row
from rubyops.cli.lowering import take_down
from rubyops.cli.options import line
from rubyops.cli.session import stoppable
from rubyops.errors import Interrupted, RubyopsError, Unreachable, UsageError
from rubyops.model.exit_code import ExitCode
from rubyops.views.copies import CopiesView
from rubyops.views.money import read_money
from rubyops.views.status import read_status
from rubyops.wiring import EnvironmentServices

DOWN_SCHEMA, DOCTOR_SCHEMA = "rubyops.down/v1", "rubyops.doctor/v1"
DISK_NEEDED_BYTES = 1_000_000_000
PYTHON_NEEDED = (3, 11)


@click.command("down")
@line
def down(*, console: Console, environment: str | None) -> int:
    """Stop every process of the environment and the servers that are its own; given ones run on. Data stays."""
    toolkit = bootstrap.open_environment(environment)
    seen = toolkit.control.reachable()
    with stoppable(console) as stop:
        toolkit.driver.listen(stop.raise_if_set, console.say)
        try:
            ran = take_down(toolkit, console.say, stop)
        except Interrupted as wish:
            left = "whatever was told to stop goes on stopping, and the rest runs on"
            raise type(wish)(f"the wait was ended; {left}", next_command="rubyops down") from None
    words = "everything is stopped" if ran else "nothing was running"
    if ran and not seen:
        console.say("Whether a run was at work is not known: control did not answer.")
    console.data(f"{toolkit.environment.name}: {words}")
    console.answer(
        envelope(
            DOWN_SCHEMA,
            toolkit.environment.name,
            [row("down", "Platform", words, status="ok" if ran else "noop")],
        )
    )
    return ExitCode.DONE


@click.command("status")
@line
def status(*, console: Console, environment: str | None) -> int:
    """Show what runs, by forward progress, and what money is doing: exit 4 when it is down, 5 when a part is not ready."""
    toolkit = bootstrap.open_environment(environment)
    in_force = read_money(toolkit.reader)
    # Before any question that may wait: the freeze is the first line of every screen.
    render.money(console, console.data, in_force)
    view = read_status(toolkit.reader, toolkit.control, toolkit.ports.check, in_force)
    _show_copies(console, view.copies)
    console.data("")
    render.marked(console, view.parts, width=12)
    return render.answer(console, toolkit.environment.name, view)


def _show_copies(console: Console, view: CopiesView) -> None:
    if view.driver_error is not None:
        console.say(f"The driver does not answer: {view.driver_error}")
    rows = [
        [copy.title, copy.details.state, copy.status, copy.details.version, copy.summary]
        for copy in view.copies
    ]
    console.table(rows, ["process", "state", "health", "version", "loops"])


@click.command("doctor")
@line
def doctor(*, console: Console, environment: str | None) -> int:
    """Look for what would stop rubyops from working here, each with the command that mends it."""
    toolkit = bootstrap.open_environment(environment)
    rows = [
        _python(),
        _home(toolkit),
        _disk(toolkit),
        _servers(),
        _journals(toolkit),
        _platform(toolkit),
        _stale_lock(toolkit),
    ]
    for item in rows:
        console.data(f"{console.mark(item['status'])} {item['title']:16} {item['summary']}")
        if item["details"].get("do"):
            console.data(f"    do: {item['details']['do']}")
    code = (
        ExitCode.CHECK_FAILED if any(item["status"] == "failed" for item in rows) else ExitCode.DONE
    )
    console.answer(envelope(DOCTOR_SCHEMA, toolkit.environment.name, rows, exit_code=int(code)))
    return code


def _verdict(identity: str, title: str, good: bool, summary: str, do: str) -> dict[str, Any]:
    return row(
        identity, title, summary, {} if good else {"do": do}, status="ok" if good else "failed"
    )


def _python() -> dict[str, Any]:
    found = ".".join(map(str, sys.version_info[:3]))
    return _verdict(
        "python",
        "Python",
        sys.version_info >= PYTHON_NEEDED,
        found,
        "install Python 3.11 or newer and make the environment anew",
    )


def _home(toolkit: EnvironmentServices) -> dict[str, Any]:
    home = toolkit.environment.home
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        probe = home / ".doctor"
        probe.touch()
        probe.unlink()
    except OSError as error:
        return _verdict(
            "home",
            "state folder",
            False,
            f"{home}: {error.strerror}",
            "export RUBYOPS_HOME=/a/folder/that/can/be/written",
        )
    return _verdict("home", "state folder", True, str(home), "")


def _disk(toolkit: EnvironmentServices) -> dict[str, Any]:
    home = toolkit.environment.home
    free = shutil.disk_usage(home if home.exists() else home.parent).free
    return _verdict(
        "disk",
        "disk",
        free >= DISK_NEEDED_BYTES,
        f"{free // 1_000_000:,} MB free",
        f"make room on the file system of {home}",
    )


def _servers() -> dict[str, Any]:
    try:
        words = bootstrap.server_programs()
    except RubyopsError as error:
        return _verdict(
            "servers",
            "server programs",
            False,
            error.message,
            "scripts/rubyops, which installs them",
        )
    return _verdict("servers", "server programs", True, words, "")


def _journals(toolkit: EnvironmentServices) -> dict[str, Any]:
    session = bootstrap.quiet_session(toolkit)
    try:
        newest = toolkit.journals.runs()[-50:]
        broken = [run_id for run_id in newest if session.reading(run_id).faults]
    except UsageError as error:
        return _verdict(
            "journals", "journals", False, error.message, "mend the permissions of that folder"
        )
    if not newest:
        return row("journals", "journals", "there is none yet", status="noop")
    words = (
        f"{len(broken)} of the newest journals are not sound: {', '.join(broken)}"
        if broken
        else "the newest journals are sound"
    )
    return _verdict(
        "journals",
        "journals",
        not broken,
        words,
        f"rubyops runs verify {broken[0] if broken else ''}",
    )


def _platform(toolkit: EnvironmentServices) -> dict[str, Any]:
    """Tell a platform that is down from one that hangs: the driver says whether anything runs."""
    do = f"rubyops up -e {toolkit.environment.name}"
    try:
        toolkit.control.freeze()
    except RubyopsError as fault:
        silence = fault.message
    else:
        return row("platform", "platform", "answers")
    try:
        runs = any(copy.pid for copy in toolkit.driver.copies())
    except Unreachable as fault:
        return _verdict("platform", "platform", False, fault.message, do)
    if runs:
        return _verdict("platform", "platform", False, f"runs and does not answer: {silence}", do)
    return row("platform", "platform", "is down", {"do": do}, status="noop")


def _stale_lock(toolkit: EnvironmentServices) -> dict[str, Any]:
    if not toolkit.control.reachable():
        return row("lock", "lock", "not known: control does not answer", status="noop")
    held = toolkit.control.lock()
    if held is None or not held.gone:
        return row("lock", "lock", "free" if held is None else f"held by run {held.run_id}")
    return _verdict(
        "lock",
        "lock",
        False,
        f"run {held.run_id} died holding it",
        f"rubyops runs resume {held.run_id} -e {toolkit.environment.name}",
    )
