"""The commands about the command line itself: completion and help topics."""

import os

import click
from click.shell_completion import get_completion_class

from rubyops.model.exit_code import ExitCode


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), required=False)
def completion(shell: str | None) -> None:
    """Print the script that completes rubyops in SHELL; without one, in the shell in use."""
    from rubyops.cli.main import cli

    named = shell or os.path.basename(os.environ.get("SHELL", "bash"))
    kind = get_completion_class(named)
    if kind is None:
        raise click.UsageError(f"there is no completion for {named!r} (allowed: bash, zsh, fish)")
    click.echo(kind(cli, {}, "rubyops", "_RUBYOPS_COMPLETE").source())


@click.command("help")
@click.argument("topic", type=click.Choice(["exit-codes"]), required=False)
def help_topic(topic: str | None) -> None:
    """Explain TOPIC."""
    if topic is None:
        click.echo("Topics: exit-codes. For a command: rubyops COMMAND --help")
        return
    for code in ExitCode:
        click.echo(f"{int(code):4}  {code.meaning}")
