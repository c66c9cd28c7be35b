"""Every flow by its id in the runbook.

A flow makes real calls through the gateway, on players created for it. It raises `CheckFailed` with
the expected and the found value. Its return value is written to the journal.
"""

from collections.abc import Callable

from checks.release.gate_02 import ONLY_ON as ONLY_ON
from commands.flows import (
    bonuses,
    bypasses,
    callbacks,
    canary,
    coupons,
    gates,
    points,
    reconciliation,
    rollback,
    rollings,
    smoke,
    trade,
    transfers,
    wins,
    withdrawable,
)
from rubyops.ports import Actor

Flow = Callable[[Actor], dict[str, object]]

FLOWS: dict[str, Flow] = {
    "SMK-4": smoke.snapshot,
    "SMK-5": smoke.sports_bet,
    "SMK-6": smoke.casino_bet,
    "SMK-7": smoke.duplicate,
    "SMK-8": smoke.mismatch,
    "FLOW-1": rollings.sports,
    "FLOW-2": rollings.live,
    "FLOW-3": rollings.slots,
    "FLOW-4": bonuses.both_active,
    "FLOW-5": coupons.sports_only,
    "FLOW-6": coupons.casino_only,
    "FLOW-7": coupons.provider_only,
    "FLOW-8": points.to_every_target,
    "FLOW-9": transfers.sports_to_casino,
    "FLOW-10": transfers.casino_to_sports,
    "FLOW-11": transfers.aliases_move_nothing,
    "FLOW-12": withdrawable.every_policy,
    "FLOW-13": rollback.restores_breakdown,
    "STG-7": callbacks.cannot_override,
    "cash-to-bucket": trade.cash_to_bucket,
    "expired-obligation": trade.expired_obligation,
    "free-round": wins.free_round,
    "jackpot": wins.jackpot,
    "canary": canary.round_trip,
    "reconciliation": reconciliation.forced_cycle,
    "GATE-4": bypasses.refused,
    "GATE-5": gates.stored_breakdown,
    "GATE-7": gates.points,
    "GATE-8": gates.reachable,
    "GATE-10": gates.legacy_token,
}
