"""Routes of reconciliation: force a cycle, read the last one."""

from wallet_runtime.plumbing.app import Answer, Call, Route
from wallet_runtime.plumbing.context import Context
from wallet_runtime.wallet.store.reconciliation import Reconciliation


def run(context: Context, call: Call) -> Answer:
    """Force a cycle (POST /internal/wallet/v2/reconciliation/run) and answer its figures."""
    return Answer(200, Reconciliation(context.database).run(call.caller))


def last(context: Context, call: Call) -> Answer:
    """Show the newest cycle (GET /internal/wallet/v2/reconciliation/last)."""
    return Answer(200, Reconciliation(context.database).last())


ROUTES = (
    Route("POST", "/internal/wallet/v2/reconciliation/run", run, dict),
    Route("GET", "/internal/wallet/v2/reconciliation/last", last),
)
