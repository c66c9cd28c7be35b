"""Runs a playbook from the command line: signals, confirmation, the recap and the answer."""

import contextlib
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import TYPE_CHECKING

import click

from rubyops.cli import render
from rubyops.cli.channel import is_terminal
from rubyops.cli.console import Console
from rubyops.cli.live import Live
from rubyops.cli.options import RunOptions
from rubyops.engine.plan.step_plan import Plan
from rubyops.engine.report import RunReport
from rubyops.engine.session import Session
from rubyops.errors import Interrupted, Refused, Terminated
from rubyops.model.environment import Environment
from rubyops.model.exit_code import ExitCode
from rubyops.model.step import Playbook
from rubyops.stop_signal import StopSignal
from rubyops.views.money import read_money
from rubyops.views.report import ReportView, report_view

if TYPE_CHECKING:
    from rubyops.wiring import EnvironmentServices

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def carry_out(
    console: Console, toolkit: "EnvironmentServices", playbook: Playbook, options: RunOptions
) -> int:
    """Dry-run or run a playbook, show the result, and return the exit code."""
    with stoppable(console) as stop:
        live = Live(console, toolkit.environment.name)
        session = toolkit.session(live, stop)

        def tell_money() -> None:
            render.money(console, console.say, read_money(toolkit.reader))

        def confirmed(plan: Plan) -> None:
            with live.waiting_for_a_person(), _answerable(stop):
                _confirm(plan, toolkit.environment, options.confirm, tell_money)

        dry = options.dry_run
        report = session.rehearse(playbook) if dry else session.start(playbook, confirmed)
    return tell(console, report, _exit_code(report, options))


def _exit_code(report: RunReport, options: RunOptions) -> ExitCode:
    """Return the run's exit code, or HAS_CHANGES for a dry-run with --detailed-exitcode."""
    asked = options.dry_run and options.detailed_exitcode
    if asked and report.exit_code == ExitCode.DONE and _would_change(report):
        return ExitCode.HAS_CHANGES
    return report.exit_code


def go_on(console: Console, toolkit: "EnvironmentServices", run_id: str) -> int:
    """Resume a run, show the result, and return the exit code."""
    with stoppable(console) as stop:
        session: Session = toolkit.session(Live(console, toolkit.environment.name), stop)
        report = session.resume(run_id)
    return tell(console, report, report.exit_code)


def tell(console: Console, report: RunReport, code: ExitCode) -> int:
    """Write the recap for a person and the answer for a program; return the exit code."""
    view = report_view(report)
    _recap(console, view, code)
    return render.answer(console, report.environment, view, code)


def _recap(console: Console, view: ReportView, code: ExitCode) -> None:
    if view.message:
        console.say(view.message)
    if view.proof:
        console.say(_proof_line(view.proof))
    if view.money is not None:
        render.money(console, console.say, view.money)
    console.say(_recap_line(view, code))
    if view.next_line:
        console.say(f"Next: {view.next_line}")


def _proof_line(proof: Mapping[str, object]) -> str:
    figures = [f"{name.replace('_', ' ')} {value}" for name, value in proof.items()]
    return f"Nothing was written: {', '.join(figures)}"


def _recap_line(view: ReportView, code: ExitCode) -> str:
    run, counts = view.run, " · ".join(f"{name} {count}" for name, count in view.counts.items())
    return f"RECAP {run.id} {run.state} · {counts} · {run.seconds:.1f} s · exit {int(code)}"


def _would_change(report: RunReport) -> bool:
    return any("effects" in result.details for result in report.results)


def _confirm(
    plan: Plan, environment: Environment, given: str | None, tell_money: Callable[[], None]
) -> None:
    """Return if the run may begin. Raises `Refused` without a needed confirmation.

    A run that can do harm needs the name of its environment, by --confirm or typed. The freeze in
    force is shown before the question. Without a terminal the error names the flag.
    """
    if given is not None:
        _refuse_other_name(given, environment.name)
    elif environment.confirm and plan.changes and plan.needs_confirmation:
        _refuse_without_terminal(environment.name)
        tell_money()
        _ask_for(environment.name)


def _refuse_other_name(given: str, name: str) -> None:
    if given != name:
        raise Refused(
            f"--confirm names {given!r}, but this run acts on {name!r}; nothing was changed"
        )


def _refuse_without_terminal(name: str) -> None:
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise Refused(
            f"this changes {name}, which has to be confirmed: add --confirm {name}; "
            "nothing was changed"
        )


def _ask_for(name: str) -> None:
    """Return when the person types this name. Raises `Refused` for any other answer."""
    question = f"Only the name of the environment is accepted (or --confirm {name})"
    try:
        typed = _typed(question)
    except OSError as error:
        raise Refused(f"the terminal went away ({error.strerror}); nothing was changed") from None
    if typed != name:
        raise Refused(f"{typed!r} is not {name!r}; nothing was changed")


def _typed(question: str) -> str:
    """Return the line that a person types.

    A signal just before `readline` would not interrupt it. So `select` waits for stdin and for a
    pipe into which Python writes every signal.
    """
    click.echo(f"{question}: ", nl=False, err=True)
    with _signal_pipe() as signals:
        while sys.stdin not in select.select([sys.stdin, signals], [], [])[0]:
            os.read(signals, 1)  # a signal came, and its handler did not raise
        return sys.stdin.readline().rstrip("\n")


@contextlib.contextmanager
def _signal_pipe() -> Iterator[int]:
    """Have Python write every signal into a pipe; give the end to read from."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)


def _is_to_outlive(number: signal.Signals) -> bool:
    """Whether `nohup` started the run, which must then ignore a closed terminal."""
    return number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN


@contextlib.contextmanager
def stoppable(console: Console) -> Iterator[StopSignal]:
    """Let SIGINT, SIGTERM and a closed terminal stop the run at its next safe point.

    From here on no write to a stream may block, because steps are run and signals print text.
    """
    console.follow_steps()
    stop = StopSignal()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        if stop.requested:
            console.say(
                "Still stopping. A kill now leaves the present effect in doubt; "
                "`rubyops runs resume` settles it."
            )
            return
        stop.request(terminated=number != signal.SIGINT)
        console.say("Stopping at the next safe point ...")

    with _handled_by(on_signal):
        yield stop


@contextlib.contextmanager
def _answerable(stop: StopSignal) -> Iterator[None]:
    """Let the same signals end a question at once, because nothing has been done yet.

    A handler that does not raise would leave the question waiting for an answer.
    """

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        error = Interrupted if number == signal.SIGINT else Terminated
        raise error("stopped at the question; nothing was changed")

    with _handled_by(on_signal):
        stop.raise_if_set()
        yield


@contextlib.contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    obeyed = [number for number in STOPPING if not _is_to_outlive(number)]
    before = {number: signal.signal(number, handler) for number in obeyed}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
