"""Shows views: to a program by one encoder, to a person as marked lines, tables and the money."""

from collections.abc import Callable, Iterable

from rubyops.cli.console import Console, envelope
from rubyops.model.exit_code import ExitCode
from rubyops.views.money import MoneyView
from rubyops.views.view import Item, View, plain, released


def answer(console: Console, environment: str | None, view: View) -> ExitCode:
    """Write the view for a program, and return the exit code that its verdict asks for."""
    code = ExitCode.DONE if view.verdict in ("ok", "noop") else ExitCode.CHECK_FAILED
    results = [released(item) for item in view.results]
    beside = plain(view.beside)
    console.answer(envelope(view.schema, environment, results, exit_code=int(code), **beside))
    return code


def marked(console: Console, items: Iterable[Item[object]], width: int) -> None:
    """Write a line for each item: its mark, its title in a column of this width, its summary."""
    for item in items:
        console.data(f"{console.mark(item.status)} {item.title:{width}} {item.summary}")


def money(console: Console, write: Callable[[str], None], view: MoneyView) -> None:
    """Write what is in force, coloured as a warning while it is not open."""
    for text in view.lines:
        write(console.paint(text, view.tone))
