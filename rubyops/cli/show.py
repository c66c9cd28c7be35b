"""The commands that show bets, dead letters, traces and the configuration."""

from collections.abc import Callable
from typing import Any

import click

from rubyops import bootstrap, config
from rubyops.cli import render
from rubyops.cli.console import Console
from rubyops.cli.options import line
from rubyops.views.bets import read_open_bets
from rubyops.views.dead_letters import read_dead_letters
from rubyops.views.environments import show_environments
from rubyops.views.trace import read_trace
from wallet_runtime.contract.consumers import WALLET_CONSUMERS

LISTED_MAX = 100
BET_COLUMNS = (
    "authorization_id",
    "bet_id",
    "provider_id",
    "stake",
    "currency",
    "topology_code",
    "topology_version",
    "created_at",
)
# A column that would say the same in every row is left out.
LETTER_COLUMNS = (
    *(("consumer",) if len(WALLET_CONSUMERS) > 1 else ()),
    "dead_letter_id",
    "event_type",
    "reason",
    "tries",
    "player_id",
    "set_aside_at",
    "behind",
    "replay_requested_at",
    "discard_requested_by",
    "error",
)
ENVIRONMENT_COLUMNS = ("name", "kind", "driver", "topology", "copies", "confirm", "home")


def _limited(body: Callable[..., Any]) -> Callable[..., Any]:
    option = click.option(
        "--limit",
        type=click.IntRange(1, 1000),
        default=LISTED_MAX,
        show_default=True,
        help="How many at most, oldest first.",
    )
    return option(body)


@click.command("list")
@_limited
@line
def bets_list(*, console: Console, environment: str | None, limit: int) -> int:
    """List accepted bets that are neither settled nor rolled back."""
    toolkit = bootstrap.open_environment(environment)
    view = read_open_bets(toolkit.reader, limit)
    render.table(console, BET_COLUMNS, view.bets)
    console.say(f"{view.total} open bets{_shown(view.total, limit)}")
    return render.answer(console, toolkit.environment.name, view)


@click.command("list")
@click.option("--consumer", type=click.Choice([*WALLET_CONSUMERS]), help="Of this consumer alone.")
@_limited
@line
def dead_letter_list(
    *, console: Console, environment: str | None, consumer: str | None, limit: int
) -> int:
    """List events that were set aside.

    A FAILED one holds up its player; HELD_UP ones wait `behind` it.
    """
    toolkit = bootstrap.open_environment(environment)
    view = read_dead_letters(toolkit.reader, consumer, limit)
    render.table(console, LETTER_COLUMNS, view.letters)
    console.say(f"{view.total} events set aside{_shown(view.total, limit)}")
    return render.answer(console, toolkit.environment.name, view)


def _shown(total: int, limit: int) -> str:
    return f", {limit} shown" if total > limit else ""


@click.command("trace")
@click.argument("subject", metavar="BET|PLAYER")
@line
def trace(*, console: Console, environment: str | None, subject: str) -> int:
    """Follow a bet (by authorization or bet id) or a player through the whole platform.

    Shows accounts, ledger, wins, rollings and events.
    """
    toolkit = bootstrap.open_environment(environment)
    view = read_trace(toolkit.reader, subject)
    for title, rows in view.parts.items():
        console.data(f"\n{title}")
        render.table(console, render.columns_of(rows), rows)
    return render.answer(console, toolkit.environment.name, view)


@click.command("show")
@line
def config_show(*, console: Console, environment: str | None) -> int:
    """Show every environment, its file and the folder of its state; secrets stay hidden."""
    known = config.load_environments()
    chosen = [config.environment(environment)] if environment else list(known.values())
    view = show_environments(chosen, config.environments_file())
    render.table(console, ENVIRONMENT_COLUMNS, view.environments)
    console.say(f"read from {view.source}")
    return render.answer(console, environment, view)
