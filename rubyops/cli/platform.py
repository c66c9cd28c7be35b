"""The commands about the platform as a whole: status, down, doctor."""

from typing import TYPE_CHECKING

import click

from rubyops import bootstrap
from rubyops.cli import render
from rubyops.cli.console import Console
from rubyops.cli.lowering import take_down
from rubyops.cli.options import line
from rubyops.cli.session import stoppable
from rubyops.errors import Interrupted
from rubyops.stop_signal import StopSignal
from rubyops.views.copies import CopiesView
from rubyops.views.doctor import Patient, examine
from rubyops.views.money import read_money
from rubyops.views.status import read_status
from rubyops.views.view import Item, Rows

if TYPE_CHECKING:
    from rubyops.wiring import EnvironmentServices


@click.command("down")
@line
def down(*, console: Console, environment: str | None) -> int:
    """Stop every process of the environment and the servers that are its own.

    Given servers run on. Data stays.
    """
    toolkit = bootstrap.open_environment(environment)
    seen = toolkit.control.reachable()
    with stoppable(console) as stop:
        ran = _take_down(console, toolkit, stop)
    if ran and not seen:
        console.say("Whether a run was at work is not known: control did not answer.")
    item = _down_item(ran)
    console.data(f"{toolkit.environment.name}: {item.summary}")
    return render.answer(console, toolkit.environment.name, Rows("rubyops.down/v1", (item,)))


def _down_item(ran: bool) -> Item[None]:
    if ran:
        return Item("down", "Platform", "ok", "everything is stopped", None)
    return Item("down", "Platform", "noop", "nothing was running", None)


def _take_down(console: Console, toolkit: "EnvironmentServices", stop: StopSignal) -> bool:
    toolkit.driver.listen(stop.raise_if_set, console.say)
    try:
        return take_down(toolkit, console.say, stop)
    except Interrupted as wish:
        left = "whatever was told to stop goes on stopping, and the rest runs on"
        raise type(wish)(f"the wait was ended; {left}", next_command="rubyops down") from None


@click.command("status")
@line
def status(*, console: Console, environment: str | None) -> int:
    """Show what runs, by forward progress, and what money is doing.

    Exit 4 when it is down, 5 when a part is not ready.
    """
    toolkit = bootstrap.open_environment(environment)
    in_force = read_money(toolkit.reader)
    # The freeze is the first line of the screen, so show it before a slow read can delay it.
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


def _patient(toolkit: "EnvironmentServices") -> Patient:
    return Patient(
        toolkit.environment.name,
        toolkit.environment.home,
        bootstrap.server_programs,
        bootstrap.quiet_session(toolkit),
        toolkit.control,
        toolkit.driver.copies,
    )


@click.command("doctor")
@line
def doctor(*, console: Console, environment: str | None) -> int:
    """Look for what would stop rubyops from working here, each with the command that mends it."""
    toolkit = bootstrap.open_environment(environment)
    view = examine(_patient(toolkit))
    for item in view.parts:
        render.marked(console, (item,), width=16)
        if item.details is not None:
            console.data(f"    do: {item.details.do}")
    return render.answer(console, toolkit.environment.name, view)
