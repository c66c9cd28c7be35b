"""wallet_service: its routes and loops. Every money write of the platform goes through it."""

from wallet_runtime.contract.processes import WALLET_SERVICE
from wallet_runtime.plumbing.http.app import Service
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.loop import Loop
from wallet_runtime.wallet.api import (
    choices,
    coupons,
    documents,
    money,
    movements,
    reconciliation,
    wins,
)
from wallet_runtime.wallet.store.freeze import FreezeGuard

RECONCILIATION_SECONDS = 3600
RECONCILIATION_LIMIT_SECONDS = 2 * RECONCILIATION_SECONDS + 600
FOLD_SECONDS = 60
FOLD_LIMIT_SECONDS = 600
FREEZE_SECONDS = 0.5
FREEZE_LIMIT_SECONDS = 10


def loops(context: Context) -> tuple[Loop, ...]:
    """Make the loops of reconciliation, of folding counter-accounts, and of the freeze guard."""
    task = reconciliation.reconciliation_of(context)
    guard = FreezeGuard(context.database, context.control)
    return (
        Loop(
            "ledger_reconciliation",
            task.hourly_turn,
            RECONCILIATION_SECONDS,
            RECONCILIATION_LIMIT_SECONDS,
        ),
        Loop("counter_fold", task.fold_turn, FOLD_SECONDS, FOLD_LIMIT_SECONDS),
        Loop("freeze_guard", guard.turn, FREEZE_SECONDS, FREEZE_LIMIT_SECONDS),
    )


ROUTES = (
    money.ROUTES
    + choices.ROUTES
    + movements.ROUTES
    + coupons.ROUTES
    + wins.ROUTES
    + documents.ROUTES
    + reconciliation.ROUTES
)
SERVICE = Service(process=WALLET_SERVICE, routes=ROUTES, loops=loops)
