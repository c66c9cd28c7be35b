"""wallet_service: every money write of the platform, documents and activation, reconciliation."""

from wallet_runtime.contract import WALLET_SERVICE
from wallet_runtime.plumbing.app import Service
from wallet_runtime.plumbing.context import Context
from wallet_runtime.plumbing.loop import Loop
from wallet_runtime.wallet.api import documents, money, reconciliation
from wallet_runtime.wallet.store.reconciliation import Reconciliation

RECONCILIATION_SECONDS = 3600
RECONCILIATION_LIMIT_SECONDS = 2 * RECONCILIATION_SECONDS + 600


def loops(context: Context) -> tuple[Loop, ...]:
    """Make the hourly `ledger_reconciliation` task."""
    turn = Reconciliation(context.database).hourly_turn
    return (Loop("ledger_reconciliation", turn, RECONCILIATION_SECONDS, RECONCILIATION_LIMIT_SECONDS),)


SERVICE = Service(process=WALLET_SERVICE, routes=money.ROUTES + documents.ROUTES + reconciliation.ROUTES, loops=loops)
