"""Pairs, states and records for the tests of the rules."""

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
    """Return the documents of a seed file as an active pair."""
    document = json.loads(
        resources.files("wallet_runtime.wallet").joinpath("seeds", name).read_text()
    )
    return ActivePair(read_topology(document["topology"]), read_policy(document["policy"]))


SPLIT = pair("ruby_split_v1.1.json")


def state(buckets: dict[str, int], **more: Any) -> State:
    """Return a player's state with these balances, by bucket code of the split topology."""
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
    """Return a request of the example player; its ids contain the number."""
    return Request(
        BRAND, PLAYER, "test", "route", f"request-{number}", "ab", UUID(int=100 + number)
    )


def plain(record: object) -> Any:
    """Return a record as the plain JSON value that SQL and consumers receive."""
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
    """Return the bet that the decision opens."""
    assert isinstance(decision.authorization, BetOpened), decision.body
    return decision.authorization


def closed(decision: Decision) -> BetClosed:
    """Return the end of the bet that the decision closes."""
    assert isinstance(decision.authorization, BetClosed), decision.body
    return decision.authorization


def stored(record: BetOpened | BetClosed, **changes: Any) -> Authorization:
    """Return a decision's authorization as the database would return it later."""
    row = plain(record) | {
        "player_id": str(PLAYER),
        "currency": "EUR",
        "topology_code": "RUBY_SPLIT_V1",
        "topology_version": 1,
        "policy_key": "default",
        "policy_version": 1,
    }
    return msgspec.convert(row | changes, Authorization)
