"""The writers that a seal lets through, each with its reason.

All other writes are refused. A sealed database may be dumped and restored, so a write in between
could be lost.

Three places enforce these lists. Each process refuses requests by the level that it acknowledged
(503 MAINTENANCE). The database refuses a write in its transaction (`wallet.refuse_sealed`,
`wallet.hold_unsealed`, RW012). `wallet.apply_command` refuses money commands.

A canary pass of the current run lets the commands of its canary player through, with all rows that
they write. The database checks the pass.
"""

from wallet_runtime.contract.consumers import CONSUMER_WORKERS
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    PLAYER_SERVICE,
    ROLLING_WORKER,
    WALLET_SERVICE,
    WALLET_WORKER,
)
from wallet_runtime.contract.routes import REPLAY_ROUTES, Route

# --- routes with a body that any of their callers may use
PASSING_ROUTES: dict[Route, str] = {
    (
        WALLET_SERVICE,
        "POST",
        "/internal/wallet/topology/validate",
    ): "asks a question and writes nothing",
    (ADMIN_SERVICE, "POST", "/api/v1/topology/validate"): "asks the same question",
    (
        WALLET_SERVICE,
        "POST",
        "/internal/wallet/v2/reconciliation/run",
    ): "moves nothing and records what it found, which a thaw asks for",
}

# --- routes that pass with the fencing token of the current run
_DRAFTS = "a rollback or a move to another topology saves the documents that it activates"
_ACTIVATION = "a rollback goes back to its pair while money stands still"
_BETS = (
    "an answer of before is told again to a run that is resumed; the database refuses anything new"
)
_CANARY = "a verification makes its canary players; no other player is registered"
PASSING_FENCED_ROUTES: dict[Route, str] = {
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}"): _DRAFTS,
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}"): _DRAFTS,
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"): _DRAFTS,
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-unified-v1"): _DRAFTS,
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate"): _ACTIVATION,
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}/activate"): _ACTIVATION,
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle"): _BETS,
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle-batch"): _BETS,
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/rollback"): _BETS,
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/players"): _CANARY,
    (PLAYER_SERVICE, "POST", "/internal/players"): _CANARY,
    **dict.fromkeys(REPLAY_ROUTES, "a drain ends with the events that are set aside"),
}

# Database functions that the role of the operators may call under a seal. All others are refused: a
# backfill, and a seed of players.
_FREEZE = "is the freeze, or its way out"
_FENCE = "is the fence, which every act of a run holds"
PASSING_FUNCTIONS: dict[str, str] = {
    "raise_freeze": _FREEZE,
    "settle_freeze": _FREEZE,
    "lower_freeze": _FREEZE,
    "advance_fence": _FENCE,
    "hold_fence": _FENCE,
    "note_change": _FENCE,
    "hold_unsealed": "refuses, and writes nothing",
    "issue_canary_pass": "a verification plays before it opens",
    "publish_canary": "a drain proves that events arrive",
    "count_unpublished": "counts, and writes nothing",
    "topology_move_batch": "works under a seal alone",
}

# --- loops, by process and name
_DRAIN = "takes on what was committed before the seal; a drain waits for it"
PASSING_LOOPS: dict[tuple[str, str], str] = {
    (WALLET_WORKER, "outbox_publisher"): _DRAIN,
    (WALLET_WORKER, "delivery"): "has what the stream lost published again; a drain waits for it",
    (ROLLING_WORKER, "outbox_publisher"): _DRAIN,
    **{(worker, "event_consumer"): _DRAIN for worker in CONSUMER_WORKERS},
    (WALLET_SERVICE, "freeze_guard"): "finishes the freeze itself",
    (WALLET_SERVICE, "ledger_reconciliation"): "moves nothing and records what it found",
    (
        WALLET_SERVICE,
        "counter_fold",
    ): "adds up entries that are there and moves nothing; a reconciliation begins with it",
}
# These loops pause while money is sealed, and report themselves healthy.
PAUSED_LOOPS: tuple[tuple[str, str], ...] = (
    (WALLET_WORKER, "retention"),
    *((worker, "retention") for worker in CONSUMER_WORKERS),
    (ROLLING_WORKER, "expiry_scheduler"),
    (ROLLING_WORKER, "completion_retry"),
)
