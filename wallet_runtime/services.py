"""Every process by name, and where its `SERVICE` stands: a literal table, so that a start imports one service only."""

from importlib import import_module

from wallet_runtime import contract
from wallet_runtime.plumbing.http.app import Service

SERVICES = {
    contract.GATEWAY: "wallet_runtime.gateway.api",
    contract.WALLET_SERVICE: "wallet_runtime.wallet.api",
    contract.WALLET_WORKER: "wallet_runtime.wallet.worker",
    contract.ROLLING_SERVICE: "wallet_runtime.rolling.api",
    contract.ROLLING_WORKER: "wallet_runtime.rolling.worker",
    contract.GAME_SERVICE: "wallet_runtime.game.api",
    contract.PLAYER_SERVICE: "wallet_runtime.player.api",
    contract.ADMIN_SERVICE: "wallet_runtime.admin.api",
}


def load(process: str) -> Service:
    """Import the module of one process and return its `SERVICE`."""
    service = import_module(SERVICES[process]).SERVICE
    if not isinstance(service, Service) or service.process != process:
        raise AssertionError(f"{SERVICES[process]}.SERVICE does not describe {process}")
    return service
