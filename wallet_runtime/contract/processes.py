"""Processes of the platform, and the callers of their routes.

An API process answers its own routes; a worker answers only /health and /metrics (SPEC 1.1).
"""

from wallet_runtime.contract.consumers import CONSUMER_SERVICES, CONSUMER_WORKERS

GATEWAY = "gateway"
WALLET_SERVICE = "wallet_service"
WALLET_WORKER = "wallet_worker"
ROLLING_SERVICE = "rolling_service"
ROLLING_WORKER = "rolling_worker"
GAME_SERVICE = "game_service"
PLAYER_SERVICE = "player_service"
ADMIN_SERVICE = "admin_service"


def _each_once(*names: str) -> tuple[str, ...]:
    """Return the names in their order, each only once."""
    return tuple(dict.fromkeys(names))


API_PROCESSES = _each_once(
    GATEWAY,
    WALLET_SERVICE,
    ROLLING_SERVICE,
    GAME_SERVICE,
    PLAYER_SERVICE,
    ADMIN_SERVICE,
    *CONSUMER_SERVICES,
)
WORKER_PROCESSES = _each_once(WALLET_WORKER, ROLLING_WORKER, *CONSUMER_WORKERS)
PROCESSES = API_PROCESSES + WORKER_PROCESSES
# This caller is not a process of the platform yet, but its token can already be issued.
PROMOTION_SERVICE = "promotion_service"
OPERATOR = "rubyops"  # the toolkit, as a caller of internal routes
OBSERVER = "observer"  # reads OBSERVED_PATHS of any process; its token allows nothing else
CALLERS = _each_once(*PROCESSES, PROMOTION_SERVICE, OPERATOR, OBSERVER)
