"""Lines about the platform as a whole: status, down, doctor."""

import shutil
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import click

from checks._liveness import CopyLife, liveness
from rubyops import bootstrap
from rubyops.bootstrap import EnvironmentServices
from rubyops.cli.console import Console, envelope, row
from rubyops.cli.lowering import take_down
from rubyops.cli.money import as_data, money_lines, money_status
from rubyops.cli.options import line
from rubyops.cli.session import stoppable
from rubyops.errors import Interrupted, RubyopsError, Unreachable, UsageError
from rubyops.model.exit_code import ExitCode
from rubyops.model.freeze import FreezeTruth
from rubyops.model.status import Status
from rubyops.running_code import REMEDY

STATUS_SCHEMA, DOWN_SCHEMA, DOCTOR_SCHEMA = (
    "rubyops.status/v1",
    "rubyops.down/v1",
    "rubyops.doctor/v1",
)
READINESS = ("service-health", "forward-progress")
DISK_NEEDED_BYTES = 1_000_000_000
PYTHON_NEEDED = (3, 11)
_RUNNING = "running"


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
    found = toolkit.tools.freeze()
    for text in money_lines(found, toolkit.tools.whose(found)):
        console.data(console.paint(text, money_status(found)))
    if not toolkit.control.reachable():
        raise Unreachable(
            f"control of {toolkit.environment.name} does not answer: it is down, or hangs",
            next_command=f"rubyops up -e {toolkit.environment.name}",
            details={"money": as_data(found)},
        )
    life = liveness(toolkit.reader)
    copies = [_copy_row(toolkit, copy) for copy in life.copies if copy.state != "ended"]
    if not life.driver_answers:
        console.say(f"The driver does not answer: {life.driver_error}")
    shown = [
        [
            item["title"],
            item["details"]["state"],
            item["status"],
            item["details"]["version"],
            item["summary"],
        ]
        for item in copies
    ]
    console.table(shown, ["process", "state", "health", "version", "loops"])
    facts = [
        _freeze_row(toolkit, found),
        _told("topology", lambda: _pair_row(toolkit)),
        _told("outbox", lambda: _outbox_row(toolkit)),
        _told("lock", lambda: _lock_row(toolkit)),
        *(_told(name, partial(_check_row, toolkit, name)) for name in READINESS),
    ]
    console.data("")
    for item in facts[1:]:
        console.data(f"{console.mark(item['status'])} {item['title']:12} {item['summary']}")
    code = (
        ExitCode.DONE
        if all(item["status"] in ("ok", "noop") for item in facts)
        else ExitCode.CHECK_FAILED
    )
    console.answer(
        envelope(STATUS_SCHEMA, toolkit.environment.name, [*facts, *copies], exit_code=int(code))
    )
    return code


def _copy_row(toolkit: EnvironmentServices, copy: CopyLife) -> dict[str, Any]:
    name = f"{copy.process} {copy.number}"
    details: dict[str, Any] = {
        "state": copy.state,
        "pid": copy.pid,
        "url": copy.url,
        "version": copy.version,
        "driver_state": copy.driver_state,
        "heartbeat_age_ms": copy.heartbeat_age_ms,
        "acknowledged_epoch": copy.acknowledged_epoch,
    }
    if copy.state != _RUNNING:
        return row(name, name, copy.trouble or "", details, status="failed")
    answer = toolkit.reader.get(copy.process, "/health", copy=copy.number)
    body = answer.body if isinstance(answer.body, dict) else {}
    loops: dict[str, Any] = body.get("loops") or {}
    details |= {
        "version": body.get("version"),
        "loops": loops,
        "freeze": body.get("freeze"),
        "code": body.get("code"),
    }
    words = ", ".join(
        f"{loop} {float(seen.get('age_seconds') or 0):.1f} s ago" for loop, seen in loops.items()
    )
    if body and body.get("code") != toolkit.reader.environment.code:
        words = "; ".join(
            part for part in (words, f"runs other code than this checkout: {REMEDY}") if part
        )
    return row(
        name,
        name,
        words or (answer.error or ""),
        details,
        status="ok" if answer.status == 200 else "failed",
    )  # noqa: PLR2004


def _freeze_row(toolkit: EnvironmentServices, found: FreezeTruth) -> dict[str, Any]:
    text = "; ".join(money_lines(found, toolkit.tools.whose(found)))
    status = "ok" if found.verdict.in_force else "failed"
    return row("freeze", "money", text, as_data(found), status=status)


def _pair_row(toolkit: EnvironmentServices) -> dict[str, Any]:
    gate = toolkit.reader.one("facts_gate")
    if gate["topology_code"] is None:
        return row("topology", "topology", "none is active", status="noop")
    words = f"{gate['topology_code']} v{gate['topology_version']} with policy {gate['policy_key']} v{gate['policy_version']}"
    return row("topology", "topology", words, gate)


def _outbox_row(toolkit: EnvironmentServices) -> dict[str, Any]:
    outbox, groups = toolkit.reader.one("facts_outbox"), toolkit.reader.groups()
    lag = sum(group["lag"] for group in groups) if groups else None
    oldest = f", oldest {outbox['oldest_age_ms'] / 1000:.1f} s" if outbox["oldest_age_ms"] else ""
    unpublished = f"{outbox['wallet_unpublished']} wallet and {outbox['rolling_unpublished']} rolling events unpublished"
    behind = "how far consumers are is not known" if lag is None else f"consumers {lag} behind"
    status: Status = "failed" if outbox["missing"] else "inconclusive" if lag is None else "ok"
    lost = (
        f"; {outbox['missing']} published events were lost by the stream and are sent again"
        if outbox["missing"]
        else ""
    )
    words = (
        f"{unpublished}{oldest}; {behind}, {outbox['unapplied']} published events not applied{lost}"
    )
    return row("outbox", "outbox", words, {**outbox, "lag": lag}, status=status)


def _lock_row(toolkit: EnvironmentServices) -> dict[str, Any]:
    held = toolkit.control.lock()
    if held is None:
        return row("lock", "lock", "free", status="noop")
    words = f"run {held.run_id} of {held.holder.who} on {held.holder.host}" + (
        f"; its process is gone: rubyops runs resume {held.run_id}" if held.gone else ""
    )
    return row("lock", "lock", words, {"run": held.run_id, "gone": held.gone})


def _check_row(toolkit: EnvironmentServices, name: str) -> dict[str, Any]:
    finding = toolkit.tools.check(name)
    return row(name, name, finding.summary, finding.details, status=finding.status)


def _told(name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Make a row; a part that does not answer is told in its place and hides no other."""
    try:
        return make()
    except RubyopsError as fault:
        return row(name, name, fault.message, status="unknown")


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
