"""The module of each process's `SERVICE`, as a name, so that a process imports only its own."""

from importlib import import_module

from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    GATEWAY,
    PLAYER_SERVICE,
    ROLLING_SERVICE,
    ROLLING_WORKER,
    WALLET_SERVICE,
    WALLET_WORKER,
)
from wallet_runtime.plumbing.http.app import Service

SERVICES = {
    GATEWAY: "wallet_runtime.gateway.api",
    WALLET_SERVICE: "wallet_runtime.wallet.api",
    WALLET_WORKER: "wallet_runtime.wallet.worker",
    ROLLING_SERVICE: "wallet_runtime.rolling.api",
    ROLLING_WORKER: "wallet_runtime.rolling.worker",
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
