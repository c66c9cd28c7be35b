"""Options that every line has, and the frame around it that turns errors into words and exit codes."""

import functools
from collections.abc import Callable
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
    """Frame a command's body: it is given `console` and `environment` and returns its exit code (None is done)."""

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
    """Say what happened and the next command, to a person and to a program."""
    view = error_view(error, environment)
    console.say(f"{console.paint('error', 'failed')}: {view.error.message}")
    if view.error.next:
        console.say(f"Next: {view.error.next}")
    return render.answer(console, environment or DEFAULT_ENVIRONMENT, view, error.exit_code)


def run_options(body: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every line that runs steps."""
    for option in (
        click.option(
            "--detailed-exitcode",
            is_flag=True,
            help="With --dry-run: exit 10 when there is something to change.",
        ),
        click.option(
            "--confirm",
            metavar="NAME",
            default=None,
            help="Confirm a changing run by the environment's name, as a script does.",
        ),
        click.option(
            "--dry-run",
            is_flag=True,
            help="Show what would be done, and prove that looking wrote nothing.",
        ),
    ):
        body = option(body)
    return body
