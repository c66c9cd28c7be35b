"""Processes of the platform, and those who call them.

An API process answers its own routes; a worker only /health and /metrics (SPEC 1.1).
"""

GATEWAY = "gateway"
WALLET_SERVICE = "wallet_service"
WALLET_WORKER = "wallet_worker"
ROLLING_SERVICE = "rolling_service"
ROLLING_WORKER = "rolling_worker"
GAME_SERVICE = "game_service"
PLAYER_SERVICE = "player_service"
ADMIN_SERVICE = "admin_service"
API_PROCESSES = (
    GATEWAY,
    WALLET_SERVICE,
    ROLLING_SERVICE,
    GAME_SERVICE,
    PLAYER_SERVICE,
    ADMIN_SERVICE,
)
WORKER_PROCESSES = (WALLET_WORKER, ROLLING_WORKER)
PROCESSES = API_PROCESSES + WORKER_PROCESSES
# A caller that is no process here yet; its token can be issued all the same.
PROMOTION_SERVICE = "promotion_service"
OPERATOR = "rubyops"  # the toolkit, as a caller of internal routes
OBSERVER = (
    "observer"  # who reads OBSERVED_PATHS of any process; this token is good for nothing else
)
CALLERS = (*PROCESSES, PROMOTION_SERVICE, OPERATOR, OBSERVER)
