"""The commands that run whole playbooks."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from rubyops import bootstrap
from rubyops.cli import render
from rubyops.cli.console import Console
from rubyops.cli.live import Live
from rubyops.cli.lowering import take_down
from rubyops.cli.options import RunOptions, line, run_options
from rubyops.cli.session import carry_out, go_on
from rubyops.engine.plan.planner import planned_results
from rubyops.errors import LockHeld, UsageError
from rubyops.model.environment import DEFAULT_ENVIRONMENT
from rubyops.model.exit_code import ExitCode
from rubyops.registry import PLAYBOOKS
from rubyops.stop_signal import StopSignal
from rubyops.views.plan import plan_view

if TYPE_CHECKING:
    from rubyops.wiring import EnvironmentServices

STAGING = "staging"
TRY_NEXT = ("status", "gate", "rollback --tier 2 --dry-run", "backfill --dry-run")


@click.command("local")
@click.option("--keep-up", is_flag=True, help="Leave the platform running.")
@run_options
@line
def rollout_local(
    *,
    console: Console,
    environment: str | None,
    keep_up: bool,
    options: RunOptions,
) -> int:
    """Bring the platform up here with a topology live, and prove that money goes the whole way.

    Runs the suites of this checkout and moves money through every flow. A platform that was not
    running before is stopped again at the end, whatever the result, unless --keep-up is given.
    """
    toolkit = bootstrap.open_environment(environment)
    with _as_it_was(console, toolkit, keep_up=keep_up or options.dry_run):
        code = carry_out(console, toolkit, bootstrap.playbook("rollout-local"), options)
    _try_next(console, toolkit, keep_up=keep_up, code=code)
    return code


TAKE_OVER = click.option(
    "--take-over",
    metavar="RUN",
    default="",
    help="Adopt the freeze of RUN, which has ended or died; a playbook that thaws lifts it too.",
)


@click.command("staging")
@TAKE_OVER
@run_options
@line
def rollout_staging(
    *,
    console: Console,
    environment: str | None,
    take_over: str,
    options: RunOptions,
) -> int:
    """Roll out to staging, or to the environment named by -e, and leave it running."""
    named = environment or STAGING
    if named == STAGING and not options.confirm:
        # The command's name is `staging`, which confirms that environment. Another environment
        # needs --confirm.
        options = replace(options, confirm=STAGING)
    toolkit = bootstrap.open_environment(named)
    return carry_out(
        console, toolkit, bootstrap.playbook("rollout-staging", {"take-over": take_over}), options
    )


@click.command("rollback")
@click.option(
    "--tier",
    type=click.Choice(["0", "2"]),
    required=True,
    help="0: freeze and drain alone. 2: re-activate the previous pair.",
)
@TAKE_OVER
@run_options
@line
def rollback(
    *,
    console: Console,
    environment: str | None,
    tier: str,
    take_over: str,
    options: RunOptions,
) -> int:
    """Take the platform back, by the lowest tier that resolves the incident.

    Every tier freezes first; tier 0 never thaws.
    """
    toolkit = bootstrap.open_environment(environment)
    playbook = bootstrap.playbook(f"rollback-tier-{tier}", {"take-over": take_over})
    return carry_out(console, toolkit, playbook, options)


def named_playbook(name: str) -> click.Command:
    """Make the command for a playbook, with the playbook's name."""

    @run_options
    @line
    def body(
        *,
        console: Console,
        environment: str | None,
        options: RunOptions,
    ) -> int:
        toolkit = bootstrap.open_environment(environment)
        return carry_out(console, toolkit, bootstrap.playbook(name), options)

    return click.command(name=name, help=PLAYBOOKS[name].summary)(body)


_PARAMETERS = click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="Give a parameter of the playbook a value.",
)


@click.command("run")
@click.argument("playbook")
@_PARAMETERS
@run_options
@line
def run(
    *,
    console: Console,
    environment: str | None,
    playbook: str,
    given: tuple[str, ...],
    options: RunOptions,
) -> int:
    """Carry out PLAYBOOK, the name of one that comes with rubyops or the path of a file."""
    loaded = bootstrap.playbook(playbook, _parameters(given))
    toolkit = bootstrap.open_environment(environment)
    return carry_out(console, toolkit, loaded, options)


@click.command("plan")
@click.argument("playbook")
@_PARAMETERS
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit 10 when there is something to change."
)
@line
def plan(
    *,
    console: Console,
    environment: str | None,
    playbook: str,
    given: tuple[str, ...],
    detailed_exitcode: bool,
) -> int:
    """Show what PLAYBOOK would do today, step by step; changes nothing."""
    loaded = bootstrap.playbook(playbook, _parameters(given))
    toolkit = bootstrap.open_environment(environment)
    live = Live(Console("text"), toolkit.environment.name)
    made = toolkit.session(live, StopSignal()).plan(loaded)
    code = ExitCode.HAS_CHANGES if detailed_exitcode and made.changes else ExitCode.DONE
    view = plan_view(planned_results(made), made.digest)
    for item in view.steps:
        console.data(f"{console.mark(item.status)} {item.title}: {item.summary}")
    return render.answer(console, toolkit.environment.name, view, code)


@click.command("resume")
@click.argument("run_id", metavar="RUN")
@line
def resume(*, console: Console, environment: str | None, run_id: str) -> int:
    """Go on with RUN where it was killed, stopped or failed; what is done is not done again."""
    return go_on(console, bootstrap.open_environment(environment), run_id)


def _parameters(given: tuple[str, ...]) -> dict[str, str]:
    return dict(map(_parameter, given))


def _parameter(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise UsageError(f"--set takes NAME=VALUE, found {given!r}")
    return name, value


@contextlib.contextmanager
def _as_it_was(
    console: Console, toolkit: "EnvironmentServices", *, keep_up: bool
) -> Iterator[None]:
    was_up = toolkit.driver.is_up()
    try:
        yield
    finally:
        if not was_up and not keep_up and toolkit.driver.is_up():
            console.say(
                "Stopping the platform again (it was not running before; --keep-up keeps it) ..."
            )
            _lower(console, toolkit)


def _lower(console: Console, toolkit: "EnvironmentServices") -> None:
    try:
        take_down(toolkit, console.say, StopSignal())
    except LockHeld as held:
        console.say(f"It stays up: {held.message}")


def _try_next(
    console: Console, toolkit: "EnvironmentServices", *, keep_up: bool, code: int
) -> None:
    if code != ExitCode.DONE:
        return
    name = toolkit.environment.name
    named = "" if name == DEFAULT_ENVIRONMENT else f" -e {name}"
    console.say("Try next:")
    for words in TRY_NEXT if keep_up else ("up", *TRY_NEXT):
        console.say(f"  .venv/bin/rubyops {words}{named}")
