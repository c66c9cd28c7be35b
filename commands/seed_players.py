"""Make legacy players over the seed tenants, for rehearsals.

When: on a fresh environment. Blast radius: the player tables, and only if they have no legacy
player yet; never wallet tables. Undo: none; delete the environment's data folder.
"""

from dataclasses import dataclass

from rubyops.effects.backfill import SeedPlayers
from rubyops.model.step import Command, NoOp, Planned
from rubyops.ports import Read


@dataclass(frozen=True)
class Params:
    """The number of players; 0 means the number in the environment's settings."""

    count: int = 0


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to make the players, or do nothing when legacy players exist or none are wanted."""
    count = params.count or read.environment.seed_players
    found = read.one("facts_legacy_players")
    if found["players"]:
        return NoOp(f"{found['players']} legacy players exist over {found['tenants']} tenants")
    if not count:
        return NoOp("this environment is to have no legacy players")
    return Planned((SeedPlayers(count),), {"players": count})


COMMAND = Command("seed-players", Params, plan)
