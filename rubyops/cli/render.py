"""Writes views: as JSON for a program, and as marked lines and tables for a person."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from rubyops.cli.console import Console
from rubyops.model.exit_code import ExitCode
from rubyops.views.money import MoneyView
from rubyops.views.view import Item, View, plain, released

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def answer(
    console: Console, environment: str | None, view: View, code: ExitCode | None = None
) -> ExitCode:
    """Write the view for a program, in the envelope of every answer (SPEC section 4).

    Returns `code`. Without a code returns DONE for a verdict `ok`, else CHECK_FAILED.
    """
    if code is None:
        code = ExitCode.DONE if view.verdict == "ok" else ExitCode.CHECK_FAILED
    console.answer(_envelope(environment, view, code))
    return code


def _envelope(environment: str | None, view: View, code: ExitCode) -> dict[str, object]:
    return {
        "schema": view.schema,
        "ok": code in (ExitCode.DONE, ExitCode.HAS_CHANGES),
        "exit_code": int(code),
        "environment": environment,
        "results": [released(item) for item in view.results],
        **plain(view.beside),
    }


def marked(console: Console, items: Iterable[Item[object]], width: int) -> None:
    """Write a line for each item: its mark, its title padded to `width`, its summary."""
    for item in items:
        console.data(f"{console.mark(item.status)} {item.title:{width}} {item.summary}")


def table(
    console: Console, columns: Sequence[str] | Mapping[str, str], rows: Sequence[object]
) -> None:
    """Write a table with these fields of each row. A mapping is {header: field}."""
    names = list(columns.values()) if isinstance(columns, Mapping) else columns
    console.table([[getattr(row, name) for name in names] for row in rows], list(columns))


def columns_of(rows: "Sequence[DataclassInstance]") -> Sequence[str]:
    """Return the field names of rows of one dataclass; ["none"] without rows."""
    return [part.name for part in fields(rows[0])] if rows else ["none"]


def money(console: Console, write: Callable[[str], None], view: MoneyView) -> None:
    """Write the freeze state, its layers and what delays it; a freeze has a warning colour."""
    for text in view.lines:
        write(console.paint(text, view.tone))
