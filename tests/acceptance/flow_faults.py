"""The broken rules of each topology, with the flows that must fail under each rule."""

from tests.acceptance.flow_stage import COUPONS, INHERITED, ROLL_OVER, TRADE, WITH_BETS, Fault
from wallet_runtime.contract.processes import GAME_SERVICE, GATEWAY, ROLLING_WORKER, WALLET_SERVICE

SPLIT = (
    Fault(WALLET_SERVICE, "snapshot without topology version", ("SMK-4",)),
    Fault(WALLET_SERVICE, "repeat refused", ("SMK-7",)),
    Fault(WALLET_SERVICE, "mismatch accepted", ("SMK-8",)),
    Fault(WALLET_SERVICE, "rollback to the first source", ("FLOW-13",)),
    Fault(WALLET_SERVICE, "sports take casino money", ("FLOW-1", "FLOW-10")),
    Fault(WALLET_SERVICE, "live takes sports money", ("FLOW-2", "FLOW-9")),
    Fault(WALLET_SERVICE, "slots take sports money", ("FLOW-3",)),
    Fault(WALLET_SERVICE, "slots by the sports rule", ("FLOW-3", "FLOW-4", "FLOW-12")),
    Fault(WALLET_SERVICE, "cash deposit stays pending", ("canary", "cash-to-bucket")),
    Fault(WALLET_SERVICE, "paid without moving", (*ROLL_OVER, "canary")),
    Fault(
        WALLET_SERVICE,
        "winnings released early",
        (*ROLL_OVER, "FLOW-4", *INHERITED, "FLOW-12", "FLOW-13", "canary"),
    ),
    Fault(WALLET_SERVICE, "release missing", (*ROLL_OVER, "FLOW-12", "FLOW-13")),
    Fault(WALLET_SERVICE, "answers without funding", WITH_BETS),
    Fault(
        ROLLING_WORKER,
        "sports turnover not counted",
        ("FLOW-1", "FLOW-4", *INHERITED, "FLOW-12", "FLOW-13"),
    ),
    Fault(ROLLING_WORKER, "live turnover not counted", ("FLOW-2", "FLOW-4", *INHERITED, "FLOW-12")),
    Fault(ROLLING_WORKER, "slots turnover not counted", ("FLOW-3", "FLOW-4", "FLOW-12")),
    Fault(
        ROLLING_WORKER, "turnover counts everywhere", (*ROLL_OVER, "FLOW-4"), by_chance=INHERITED
    ),
    Fault(
        ROLLING_WORKER,
        "half the turnover",
        (*ROLL_OVER, "FLOW-4", "FLOW-8", *INHERITED, "FLOW-12", "FLOW-13", "cash-to-bucket"),
    ),
    Fault(GAME_SERVICE, "repeat is a new bet", ("SMK-7", "SMK-8")),
    Fault(WALLET_SERVICE, "one bonus at a time", ("FLOW-4",)),
    Fault(WALLET_SERVICE, "sports coupons everywhere", ("FLOW-5",)),
    Fault(WALLET_SERVICE, "casino coupons everywhere", ("FLOW-6",)),
    Fault(WALLET_SERVICE, "provider coupons everywhere", ("FLOW-7",)),
    Fault(
        WALLET_SERVICE, "bonus brings no rolling + points bring no rolling", ("FLOW-4", "FLOW-8")
    ),
    Fault(WALLET_SERVICE, "turnover stays in sports", ("FLOW-9",)),
    Fault(WALLET_SERVICE, "turnover stays in casino", ("FLOW-10",)),
    Fault(ROLLING_WORKER, "inherited turnover a unit too much", ("FLOW-9", "FLOW-10")),
    Fault(WALLET_SERVICE, "live takes withdrawable first", ("FLOW-12",)),
    Fault(GATEWAY, "callbacks may say more", ("STG-7",)),
    Fault(
        WALLET_SERVICE,
        "cash that goes into a bucket owes nothing + a reversed win stays paid"
        " + a bet goes back before its wins",
        TRADE,
    ),
)
# The unified topology has one normal bucket for all games, and no bonus yet. Rules about which
# bucket pays, or about whose bonus rule applies, make no difference there. These rules do:
ON_UNIFIED_TOO = {
    "snapshot without topology version",
    "repeat refused",
    "mismatch accepted",
    "rollback to the first source",
    "cash deposit stays pending",
    "winnings released early",
    "release missing",
    "sports turnover not counted",
    "live turnover not counted",
    "slots turnover not counted",
    "cash that goes into a bucket owes nothing + a reversed win stays paid"
    " + a bet goes back before its wins",
}
UNIFIED = (
    *(fault for fault in SPLIT if fault.rule in ON_UNIFIED_TOO),
    # Independent rules, broken together to save time: each of these flows tests one of the rules.
    Fault(
        WALLET_SERVICE,
        "one bonus at a time + points bring no rolling + alias is a transfer",
        ("FLOW-4", "FLOW-8", "FLOW-11"),
    ),
    Fault(
        WALLET_SERVICE,
        "sports coupons everywhere + casino coupons everywhere + provider coupons everywhere",
        COUPONS,
    ),
    Fault(WALLET_SERVICE, "live takes withdrawable first", ("FLOW-12",)),
    Fault(GATEWAY, "callbacks may say more", ("STG-7",)),
)
