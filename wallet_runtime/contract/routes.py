"""Routes of the platform: their callers, and what each route requires of a call.

A route is a process, a method and a path template.
"""

from wallet_runtime.contract.consumers import WALLET_CONSUMERS
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GAME_SERVICE,
    GATEWAY,
    OPERATOR,
    PLAYER_SERVICE,
    PROMOTION_SERVICE,
    ROLLING_SERVICE,
    ROLLING_WORKER,
    WALLET_SERVICE,
)

Route = tuple[str, str, str]

# Health state and metrics of a process. Without credentials, /health answers only {process,
# status}, and /metrics answers nothing.
HEALTH_PATH = "/health"
METRICS_PATH = "/metrics"
OBSERVED_PATHS = (HEALTH_PATH, METRICS_PATH)

Callers = dict[tuple[str, str], tuple[str, ...]]
# The callers of each internal route, by process. Code, tests and docs read `ROUTE_CALLERS`.
_READERS = (
    GATEWAY,
    GAME_SERVICE,
    PLAYER_SERVICE,
    ROLLING_SERVICE,
    ROLLING_WORKER,
    ADMIN_SERVICE,
    OPERATOR,
)
_OF_WALLET_SERVICE: Callers = {
    ("GET", "/internal/wallet/topology/active"): _READERS,
    ("GET", "/internal/wallet/policy/active"): _READERS,
    ("GET", "/internal/wallet/topology"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/wallet/policy"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/wallet/activations"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/wallet/topology/{code}"): (ADMIN_SERVICE, OPERATOR),
    ("PUT", "/internal/wallet/topology/{code}"): (ADMIN_SERVICE, OPERATOR),
    ("PUT", "/internal/wallet/topology/{code}/activate"): (ADMIN_SERVICE, OPERATOR),
    ("POST", "/internal/wallet/topology/validate"): (ADMIN_SERVICE, OPERATOR),
    ("POST", "/internal/wallet/topology/seed-ruby-split-v1"): (ADMIN_SERVICE, OPERATOR),
    ("POST", "/internal/wallet/topology/seed-ruby-unified-v1"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/wallet/topology/{code}/activate/{version}/{policy_key}/{policy_version}"): (
        OPERATOR,
    ),
    ("GET", "/internal/wallet/policy/{policy_key}"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/wallet/topology/{code}/diff/{old}/{new}"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/wallet/policy/{policy_key}/diff/{old}/{new}"): (ADMIN_SERVICE, OPERATOR),
    ("PUT", "/internal/wallet/policy/{policy_key}"): (ADMIN_SERVICE, OPERATOR),
    ("PUT", "/internal/wallet/policy/{policy_key}/activate"): (ADMIN_SERVICE, OPERATOR),
    ("POST", "/internal/wallet/v2/players"): (PLAYER_SERVICE,),
    ("GET", "/internal/wallet/v2/players/{player_id}/snapshot"): (
        PLAYER_SERVICE,
        ADMIN_SERVICE,
        GATEWAY,
        OPERATOR,
    ),
    ("GET", "/internal/wallet/v2/players/{player_id}/funding-choice"): (PLAYER_SERVICE,),
    ("PUT", "/internal/wallet/v2/players/{player_id}/funding-choice"): (PLAYER_SERVICE,),
    ("POST", "/internal/wallet/v2/bets/authorize"): (GAME_SERVICE,),
    ("POST", "/internal/wallet/v2/bets/settle"): (GAME_SERVICE, OPERATOR),
    ("POST", "/internal/wallet/v2/bets/settle-batch"): (GAME_SERVICE, OPERATOR),
    ("POST", "/internal/wallet/v2/bets/rollback"): (GAME_SERVICE, OPERATOR),
    ("POST", "/internal/wallet/v2/wins"): (GAME_SERVICE,),
    ("POST", "/internal/wallet/v2/wins/reverse"): (GAME_SERVICE,),
    ("POST", "/internal/wallet/v2/campaigns"): (ADMIN_SERVICE,),
    ("POST", "/internal/wallet/v2/deposits/approve"): (PLAYER_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/deposits/wallet"): (PLAYER_SERVICE,),
    ("POST", "/internal/wallet/v2/withdrawals/wallet"): (PLAYER_SERVICE,),
    ("POST", "/internal/wallet/v2/withdrawals/request"): (PLAYER_SERVICE,),
    ("POST", "/internal/wallet/v2/withdrawals/approve"): (ADMIN_SERVICE,),
    ("POST", "/internal/wallet/v2/withdrawals/reject"): (ADMIN_SERVICE,),
    ("POST", "/internal/wallet/v2/withdrawals/mark-paid"): (ADMIN_SERVICE, PLAYER_SERVICE),
    ("POST", "/internal/wallet/v2/withdrawals/cancel"): (PLAYER_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/withdrawals/payout-failed"): (ADMIN_SERVICE, PLAYER_SERVICE),
    ("POST", "/internal/wallet/v2/transfers"): (PLAYER_SERVICE,),
    ("POST", "/internal/wallet/v2/transfers/legacy"): (PLAYER_SERVICE,),
    ("POST", "/internal/wallet/v2/bonuses/issue"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/bonuses/reverse"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/bonuses/expire"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/points/award"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/points/transfer"): (PLAYER_SERVICE,),
    ("POST", "/internal/wallet/v2/points/expire"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/adjustments/request"): (ADMIN_SERVICE,),
    ("POST", "/internal/wallet/v2/adjustments/approve"): (ADMIN_SERVICE,),
    ("POST", "/internal/wallet/v2/adjustments/reject"): (ADMIN_SERVICE,),
    ("POST", "/internal/wallet/v2/rollings/complete"): (ROLLING_WORKER,),
    ("POST", "/internal/wallet/v2/rollings/close"): (ROLLING_WORKER,),
    ("POST", "/internal/wallet/v2/coupon-grants/issue"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/coupon-grants/reverse"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/coupon-grants/expire"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    ("POST", "/internal/wallet/v2/reconciliation/run"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/wallet/v2/reconciliation/last"): (ADMIN_SERVICE, OPERATOR),
}
_OF_ROLLING_SERVICE: Callers = {
    ("GET", "/internal/rolling/players/{player_id}"): (GATEWAY, ADMIN_SERVICE, OPERATOR),
    ("POST", "/internal/rolling/{rolling_id}/cancel"): (ADMIN_SERVICE,),
}
_OF_GAME_SERVICE: Callers = {
    ("POST", "/internal/game/bets/authorize"): (GATEWAY,),
    ("POST", "/internal/game/bets/settle"): (GATEWAY,),
    ("POST", "/internal/game/bets/rollback"): (GATEWAY,),
    ("POST", "/internal/game/wins"): (GATEWAY,),
    ("POST", "/internal/game/wins/reverse"): (GATEWAY,),
    ("GET", "/internal/game/providers/{provider_id}/wins"): (ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/game/providers/{provider_id}/statement"): (ADMIN_SERVICE, OPERATOR),
}
_OF_PLAYER_SERVICE: Callers = {
    ("POST", "/internal/players"): (GATEWAY, ADMIN_SERVICE, OPERATOR),
    ("GET", "/internal/players/{player_id}/wallet"): (GATEWAY,),
    ("GET", "/internal/players/{player_id}/funding-choice"): (GATEWAY,),
    ("PUT", "/internal/players/{player_id}/funding-choice"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/deposit"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/wallet-deposit"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/withdraw"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/wallet-withdrawal"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/withdrawals/{transaction_id}/cancel"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/transfer"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/legacy-transfer"): (GATEWAY,),
    ("POST", "/internal/players/{player_id}/points-transfer"): (GATEWAY,),
}


def dead_letter_path(schema: str, number: int | str = "{dead_letter_id}") -> str:
    """Return the path of one dead letter of a consumer; without a number, the path template."""
    return f"/internal/{schema}/dead-letters/{number}"


def _of_each_consumer(step: str) -> tuple[Route, ...]:
    """Return the route of this step on a dead letter, once for each consumer."""
    return tuple(
        (consumer.service, "POST", f"{dead_letter_path(consumer.schema)}/{step}")
        for consumer in WALLET_CONSUMERS.values()
    )


REPLAY_ROUTES = _of_each_consumer("replay")
DISCARD_ROUTES = _of_each_consumer("discard")
CONFIRM_DISCARD_ROUTES = _of_each_consumer("discard/confirm")

ROUTE_CALLERS: dict[Route, tuple[str, ...]] = {
    (process, method, path): callers
    for process, routes in (
        (WALLET_SERVICE, _OF_WALLET_SERVICE),
        (ROLLING_SERVICE, _OF_ROLLING_SERVICE),
        (GAME_SERVICE, _OF_GAME_SERVICE),
        (PLAYER_SERVICE, _OF_PLAYER_SERVICE),
    )
    for (method, path), callers in routes.items()
}
ROUTE_CALLERS |= dict.fromkeys(REPLAY_ROUTES, (OPERATOR,))
ROUTE_CALLERS |= dict.fromkeys(DISCARD_ROUTES, (ADMIN_SERVICE, OPERATOR))
ROUTE_CALLERS |= dict.fromkeys(CONFIRM_DISCARD_ROUTES, (ADMIN_SERVICE,))

# Routes through which the operator changes something. A call must carry FENCE_HEADER, and the
# service holds the fence while it makes the change.
FENCED_ROUTES: tuple[Route, ...] = (
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}"),
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate"),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-unified-v1"),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}"),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}/activate"),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle"),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle-batch"),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/rollback"),
    *REPLAY_ROUTES,
    *DISCARD_ROUTES,
    (PLAYER_SERVICE, "POST", "/internal/players"),
)
# Routes that the operator may call without FENCE_HEADER, each with the reason.
UNFENCED_ROUTES: dict[Route, str] = {
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/validate"): "asks a question",
    (
        WALLET_SERVICE,
        "POST",
        "/internal/wallet/v2/reconciliation/run",
    ): "reads money and records what it found",
}

# Routes that take a body without a key or request id, each with the reason. On any other route such
# a write is answered with 400.
KEYLESS_ROUTES: dict[Route, str] = {
    (
        WALLET_SERVICE,
        "POST",
        "/internal/wallet/topology/validate",
    ): "asks a question and writes nothing",
    (ADMIN_SERVICE, "POST", "/api/v1/topology/validate"): "asks the same question",
    (
        WALLET_SERVICE,
        "POST",
        "/internal/wallet/v2/reconciliation/run",
    ): "moves nothing; every cycle is one of its own",
}

# Routes that change the platform itself, and the callers for whom they do. Each such call moves
# `wallet_fence.change_no` with its change, which invalidates earlier verifications. Saving a
# document counts, because it changes what an activation would do. Money commands of players and of
# the back office do not count. A new player does not count, because the flows of a verification
# create players.
CHANGING_ROUTES: dict[Route, tuple[str, ...]] = {
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"): (
        ADMIN_SERVICE,
        OPERATOR,
    ),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-unified-v1"): (
        ADMIN_SERVICE,
        OPERATOR,
    ),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}/activate"): (
        ADMIN_SERVICE,
        OPERATOR,
    ),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle"): (OPERATOR,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle-batch"): (OPERATOR,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/rollback"): (OPERATOR,),
    **dict.fromkeys((*REPLAY_ROUTES, *DISCARD_ROUTES), (OPERATOR,)),
}
