"""Routes of reconciliation: run a cycle now, and show the last one."""

from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.store.anchors import Anchors
from wallet_runtime.wallet.store.reconciliation import Mode, Reconciliation


class CycleBody(Body):
    """The depth of a cycle. The default `hashes` is the deepest."""

    mode: Mode = "hashes"


def reconciliation_of(context: Context) -> Reconciliation:
    """Build the reconciliation of this process, with its database and anchors."""
    settings = context.settings
    return Reconciliation(
        context.database,
        Anchors(settings.control_database_url.reveal().decode(), settings.anchor_file),
    )


def run(context: Context, call: Call) -> Answer:
    """Run a cycle now (POST /internal/wallet/v2/reconciliation/run) and return its figures."""
    body: CycleBody = call.body
    return Answer(200, reconciliation_of(context).run(call.caller, body.mode))


def last(context: Context, call: Call) -> Answer:
    """Show the newest cycle (GET /internal/wallet/v2/reconciliation/last)."""
    return Answer(200, reconciliation_of(context).last())


ROUTES = (
    Route("POST", "/internal/wallet/v2/reconciliation/run", run, CycleBody),
    Route("GET", "/internal/wallet/v2/reconciliation/last", last),
)
