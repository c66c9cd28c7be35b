"""Ready pairs and states for the tests of the rules."""

import json
from importlib import resources
from typing import Any
from uuid import UUID

import msgspec

from wallet_runtime.wallet.domain.decision import Decision
from wallet_runtime.wallet.domain.documents import read_policy, read_topology
from wallet_runtime.wallet.domain.records import BetClosed, BetOpened
from wallet_runtime.wallet.domain.state import (
    ActivePair,
    Authorization,
    Gate,
    Obligation,
    Player,
    Request,
    State,
)

BRAND, PLAYER = UUID(int=1), UUID(int=2)
SPORTS, CASINO = "RUBY_SPLIT_V1/SPORTS_NORMAL", "RUBY_SPLIT_V1/CASINO_NORMAL"
BONUS, WITHDRAWABLE, POINTS = (
    "RUBY_SPLIT_V1/SPORTS_BONUS",
    "RUBY_SPLIT_V1/WITHDRAWABLE",
    "RUBY_SPLIT_V1/POINTS",
)


def pair(name: str) -> ActivePair:
    """Read a seed as an active pair."""
    document = json.loads(
        resources.files("wallet_runtime.wallet").joinpath("seeds", name).read_text()
    )
    return ActivePair(read_topology(document["topology"]), read_policy(document["policy"]))


SPLIT = pair("ruby_split_v1.1.json")


def state(buckets: dict[str, int], **more: Any) -> State:
    """Build a player's state with balances per bucket code of the split topology."""
    gate = Gate(
        activation_no=1,
        freeze_level="open",
        freeze_epoch=0,
        topology_code=SPLIT.topology.code,
        topology_version=1,
    )
    held = {SPLIT.topology.account(code): amount for code, amount in buckets.items()}
    more = {"obligations": (), "reference": None, "staked": {}, "locked": {}, "round": {}} | more
    return State(gate=gate, buckets=held, player=Player("EUR", "active", False, 1), **more)


def request(number: int = 1) -> Request:
    """Build a request of the example player; the number makes its transaction id."""
    return Request(
        BRAND, PLAYER, "test", "route", f"request-{number}", "ab", UUID(int=100 + number)
    )


def plain(record: object) -> Any:
    """Show a record as SQL or a consumer sees it."""
    return msgspec.json.decode(msgspec.json.encode(record))


def owed(name: str, bucket: str = "SPORTS_NORMAL", **more: Any) -> Obligation:
    return Obligation(name, "RUBY_SPLIT_V1", bucket, 100, player_id=str(PLAYER), **more)


def legs(decision: Decision) -> dict[str, int]:
    assert sum(leg.delta for leg in decision.legs if leg.currency != "PTS") == 0
    assert sum(leg.delta for leg in decision.legs if leg.currency == "PTS") == 0
    return {leg.account: leg.delta for leg in decision.legs}


def code(decision: Decision) -> tuple[int, str]:
    assert not decision.legs and not decision.obligations_opened and not decision.events
    return decision.status, decision.body["code"]


def opened(decision: Decision) -> BetOpened:
    """Return the bet that a decision opens."""
    assert isinstance(decision.authorization, BetOpened), decision.body
    return decision.authorization


def closed(decision: Decision) -> BetClosed:
    """Return the close of a bet that a decision writes."""
    assert isinstance(decision.authorization, BetClosed), decision.body
    return decision.authorization


def stored(record: BetOpened | BetClosed, **changes: Any) -> Authorization:
    """Read a decision's authorization back as the database would return it."""
    row = plain(record) | {
        "player_id": str(PLAYER),
        "currency": "EUR",
        "topology_code": "RUBY_SPLIT_V1",
        "topology_version": 1,
        "policy_key": "default",
        "policy_version": 1,
    }
    return msgspec.convert(row | changes, Authorization)
