"""Activate a topology version together with its policy, in one transaction (A7).

When: on a rollout (VERSION `current`, `newest` or a number), and on a tier 2 rollback (`previous`,
PRD-T2b). Blast radius: every money command from then on. Balances do not change, because
wallet_service refuses a topology that drops a bucket in use (A7-8).
Undo: `rubyops rollback --tier 2`.
"""

import dataclasses
from dataclasses import dataclass

from commands._facts import money_in_reach
from commands._pairs import Pair, active_pair, refuse_unless_in_force, saved_pair, saved_versions
from commands._previous_pair import pair_to_go_back_to, refuse_open_bets
from rubyops.effects.service_call import CallService
from rubyops.errors import UsageError
from rubyops.model.step import Command, NoOp, Planned, option
from rubyops.ports import Read
from wallet_runtime.contract.documents import DEFAULT_POLICY_KEY
from wallet_runtime.contract.processes import WALLET_SERVICE

PREVIOUS = "previous"
NEWEST = "newest"
CURRENT = "current"


@dataclass(frozen=True)
class Params:
    """The pair to activate, by a version number, `newest`, `previous` or `current`.

    `current` is the active version, or the oldest saved version if none is active. An empty code
    means the environment's topology. Policy version 0 means the newest policy for the topology
    version. `only_first` makes the command a no-op when any pair is active.
    """

    version: str = PREVIOUS
    code: str = ""
    policy_key: str = option("which policy", DEFAULT_POLICY_KEY)
    policy_version: int = option("its version; 0 takes the newest for this topology version", 0)
    only_first: bool = option("do nothing where any pair is active already", False)


def plan(params: Params, read: Read) -> Planned | NoOp:
    """Plan to activate the pair, or do nothing when it is active.

    Refuses a return to the previous pair while the active pair has open bets.
    """
    present = active_pair(read)
    if params.only_first and present is not None:
        return _nothing_to_do(present, "is active, so no first pair is needed", read)
    if params.version == CURRENT and present is not None:
        return _nothing_to_do(present, "is active already", read)
    target = _target(params, read)
    if target == present:
        return _nothing_to_do(target, "is active already", read)
    if params.version == PREVIOUS:
        refuse_open_bets(read, present)
    ends = {"from": str(present), "to": str(target)}
    return Planned(
        (_activation(target, present),), {**ends, "money in reach": money_in_reach(read)}
    )


def _nothing_to_do(pair: Pair, why: str, read: Read) -> NoOp:
    refuse_unless_in_force(pair, read)
    return NoOp(f"{pair} {why}")


def _target(params: Params, read: Read) -> Pair:
    if params.version == PREVIOUS:
        return pair_to_go_back_to(read)
    code = params.code or read.environment.topology
    return saved_pair(
        read, code, _version(params.version, read, code), params.policy_key, params.policy_version
    )


def _version(text: str, read: Read, code: str) -> int:
    if text in (NEWEST, CURRENT):
        saved = saved_versions(read, code)
        return max(saved) if text == NEWEST else min(saved)
    if not (text.isascii() and text.isdigit()):
        raise UsageError(
            f"topology version {text!r} is not known "
            f"(allowed: a number, {NEWEST}, {PREVIOUS}, {CURRENT})"
        )
    return int(text)


def _activation(target: Pair, present: Pair | None) -> CallService:
    start = None if present is None else dataclasses.asdict(present)
    body: dict[str, object] = {
        "version": target.topology_version,
        "policy": {"policy_key": target.policy_key, "version": target.policy_version},
        "from": start,
    }
    return CallService(
        WALLET_SERVICE, "PUT", f"/internal/wallet/topology/{target.topology_code}/activate", body
    )


COMMAND = Command(
    "topology-activate",
    Params,
    plan,
    undo="rubyops rollback --tier 2",
)
