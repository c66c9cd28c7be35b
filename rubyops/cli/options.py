"""The options that every command has, and the exit codes and messages for errors."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from rubyops.cli import render
from rubyops.cli.console import Console
from rubyops.errors import RubyopsError
from rubyops.model.environment import DEFAULT_ENVIRONMENT
from rubyops.model.exit_code import ExitCode
from rubyops.views.error import error_view

ENVIRONMENT_HELP = (
    "The environment to act on; when none is named, local (and for `rollout staging`, staging)."
)
Body = Callable[..., int | None]


def line(body: Body) -> Callable[..., int]:
    """Turn a function into a command line with the options --output and -e.

    The function gets `console` and `environment`. It returns the exit code, or None for success.
    """

    @click.option(
        "--output",
        type=click.Choice(["text", "json", "ndjson"]),
        default="text",
        show_default=True,
        help="For a person, or for a program.",
    )
    @click.option("-e", "--environment", metavar="NAME", default=None, help=ENVIRONMENT_HELP)
    @functools.wraps(body)
    def framed(*arguments: Any, output: Any, environment: str | None, **values: Any) -> int:
        console = Console(output)
        try:
            done = body(*arguments, console=console, environment=environment, **values)
        except RubyopsError as error:
            return console.finish(tell_error(console, environment, error))
        return console.finish(int(done or ExitCode.DONE))

    return framed


def tell_error(console: Console, environment: str | None, error: RubyopsError) -> int:
    """Show an error and the next command, to a person or a program; return the exit code."""
    view = error_view(error, environment)
    console.say(f"{console.paint('error', 'failed')}: {view.error.message}")
    if view.error.next:
        console.say(f"Next: {view.error.next}")
    return render.answer(console, environment or DEFAULT_ENVIRONMENT, view, error.exit_code)


@dataclass(frozen=True)
class RunOptions:
    """The options of every command that runs steps. `confirm` is the typed environment name."""

    dry_run: bool
    confirm: str | None
    detailed_exitcode: bool


def run_options(body: Callable[..., int]) -> Callable[..., int]:
    """Add the options of every command that runs steps. The function gets them as `options`."""

    @click.option(
        "--dry-run",
        is_flag=True,
        help="Show what would be done, and prove that looking wrote nothing.",
    )
    @click.option(
        "--confirm",
        metavar="NAME",
        default=None,
        help="Confirm a changing run by the environment's name, as a script does.",
    )
    @click.option(
        "--detailed-exitcode",
        is_flag=True,
        help="With --dry-run: exit 10 when there is something to change.",
    )
    @functools.wraps(body)
    def framed(
        *, dry_run: bool, confirm: str | None, detailed_exitcode: bool, **values: Any
    ) -> int:
        return body(options=RunOptions(dry_run, confirm, detailed_exitcode), **values)

    return framed
