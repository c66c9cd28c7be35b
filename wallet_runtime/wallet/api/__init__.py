"""wallet_service: every money write of the platform, documents and activation, reconciliation."""

from wallet_runtime.contract import WALLET_SERVICE
from wallet_runtime.plumbing.app import Service
from wallet_runtime.plumbing.context import Context
from wallet_runtime.plumbing.loop import Loop
from wallet_runtime.wallet.api import choices, coupons, documents, money, movements, reconciliation

RECONCILIATION_SECONDS = 3600
RECONCILIATION_LIMIT_SECONDS = 2 * RECONCILIATION_SECONDS + 600
FOLD_SECONDS = 60
FOLD_LIMIT_SECONDS = 600


def loops(context: Context) -> tuple[Loop, ...]:
    """Make the hourly `ledger_reconciliation` task, and the one that folds counter-accounts into running sums."""
    task = reconciliation.reconciliation_of(context)
    return (
        Loop("ledger_reconciliation", task.hourly_turn, RECONCILIATION_SECONDS, RECONCILIATION_LIMIT_SECONDS),
        Loop("counter_fold", task.fold_turn, FOLD_SECONDS, FOLD_LIMIT_SECONDS),
    )


ROUTES = money.ROUTES + choices.ROUTES + movements.ROUTES + coupons.ROUTES + documents.ROUTES + reconciliation.ROUTES
SERVICE = Service(process=WALLET_SERVICE, routes=ROUTES, loops=loops)
