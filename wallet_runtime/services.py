"""The module of each process's `SERVICE`, as a name, so that a process imports only its own."""

from importlib import import_module

from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    GATEWAY,
    PLAYER_SERVICE,
    WALLET_SERVICE,
    WALLET_WORKER,
)
from wallet_runtime.plumbing.http.app import Service

# The modules of each consumer are in the package of its schema's name, unless the table has a row.
_CONSUMERS = {
    process: f"wallet_runtime.{each.schema}.{module}"
    for each in WALLET_CONSUMERS.values()
    for process, module in ((each.service, "api"), (each.worker, "worker"))
}
SERVICES = _CONSUMERS | {
    GATEWAY: "wallet_runtime.gateway.api",
    WALLET_SERVICE: "wallet_runtime.wallet.api",
    WALLET_WORKER: "wallet_runtime.wallet.worker",
    GAME_SERVICE: "wallet_runtime.game.api",
    PLAYER_SERVICE: "wallet_runtime.player.api",
    ADMIN_SERVICE: "wallet_runtime.admin.api",
}


def load(process: str) -> Service:
    """Import the module of one process and return its `SERVICE`."""
    service = import_module(SERVICES[process]).SERVICE
    if not isinstance(service, Service) or service.process != process:
        raise AssertionError(f"{SERVICES[process]}.SERVICE does not describe {process}")
    return service
