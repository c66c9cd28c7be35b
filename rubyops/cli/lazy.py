"""A click group that has its commands in a table and imports a command only when it is used."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.exceptions import NoSuchCommand
from click.shell_completion import CompletionItem


class Lazy(NamedTuple):
    """A command that is not imported yet.

    `maker` is a name in `module`: a function that makes the command from `arguments`, or the
    command itself when `arguments` is None.
    """

    module: str
    maker: str
    summary: str
    arguments: tuple[str, ...] | None = None

    def load(self) -> click.Command:
        """Import the module and return the command."""
        found = getattr(import_module(self.module), self.maker)
        command: click.Command = found if self.arguments is None else found(*self.arguments)
        return command


class LazyGroup(click.Group):
    """A group that lists, completes and explains its commands from the table alone."""

    def __init__(self, table: Mapping[str, Lazy], **settings: Any) -> None:
        """Use this table of command names."""
        super().__init__(**settings)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command, None for an unknown name."""
        entry = self._table.get(cmd_name)
        return None if entry is None else entry.load()

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command as click does; on a misspelt name suggest names from the table.

        click alone would load every command for its suggestions.
        """
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as missing:
            raise NoSuchCommand(missing.command_name, possibilities=self._table, ctx=ctx) from None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self._table.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names without importing any command."""
        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(name, help=entry.summary)
            for name, entry in self._table.items()
            if name.startswith(incomplete)
        ]
