"""Names that the wallet platform and its operators share: processes, headers, routes, streams, error codes.

Pure constants: this module imports nothing, because it is the only part of the runtime that the toolkit may see.
"""

# --- processes (SPEC 1.1). An API process answers its own routes; a worker only /health and /metrics.
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
PROMOTION_SERVICE = "promotion_service"  # a caller that is no process here yet; its token can be issued all the same
OPERATOR = "rubyops"  # the toolkit, as a caller of internal routes
OBSERVER = (
    "observer"  # who reads OBSERVED_PATHS of any process; this token is good for nothing else
)
CALLERS = (*PROCESSES, PROMOTION_SERVICE, OPERATOR, OBSERVER)

# --- what a process tells of itself. Without credentials /health answers {process, status}, and /metrics nothing.
HEALTH_PATH = "/health"
METRICS_PATH = "/metrics"
OBSERVED_PATHS = (HEALTH_PATH, METRICS_PATH)

# --- headers
CALLER_HEADER = "X-Caller-Service"
TOKEN_HEADER = "X-Internal-Service-Token"
BRAND_HEADER = "X-Brand-Id"
REQUEST_ID_HEADER = "X-Request-Id"
CANARY_HEADER = "X-Canary-Token"
FENCE_HEADER = "X-Fencing-Token"  # the token of the run for which the operator acts
PROVIDER_HEADER = "X-Provider-Id"
PROVIDER_SIGNATURE_HEADER = "X-Provider-Signature"
IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"

# --- a provider's signature: HMAC-SHA256 with its secret over this text. `timestamp` is in Unix seconds, `brand` and `request_id` are
# the headers as sent ("" for one that was not), `body_hash` is the SHA-256 of the raw body; both digests are lower-case hex.
PROVIDER_SIGNED_TEXT = "{method}\n{path}\n{brand}\n{timestamp}\n{request_id}\n{body_hash}"
PROVIDER_SIGNATURE_VALUE = "t={timestamp},v1={digest}"
PROVIDER_SIGNATURE_SECONDS = (
    300  # how far the timestamp may be from the gateway's clock, to either side
)

# --- environment variables that name a secret: INTERNAL_SERVICE_TOKEN_GATEWAY, PROVIDER_SECRET_MOCKSPORTS ...
TOKEN_VARIABLE_PREFIX = "INTERNAL_SERVICE_TOKEN_"
LEGACY_TOKEN_VARIABLE = "INTERNAL_SERVICE_TOKEN"
PROVIDER_SECRET_PREFIX = "PROVIDER_SECRET_"
ADMIN_TOKEN_PREFIX = "ADMIN_TOKEN_"  # and a person of the back office: ADMIN_TOKEN_ANN
BRAND_ENFORCEMENT_VARIABLE = "MULTI_BRAND_ENFORCEMENT"
BRAND_ENFORCEMENT_VALUES = ("off", "observe", "enforce")
FAILPOINT_VARIABLE = "RUBY_FAILPOINT"
ANCHOR_FILE_VARIABLE = (
    "LEDGER_ANCHOR_FILE"  # where wallet_service appends the seals of closed ledger months
)

# --- game providers of the platform, and the provider type each one serves
SPORTS = "SPORTS"
LIVE = "LIVE"
SLOTS = "SLOTS"
PROVIDER_TYPES = (SPORTS, LIVE, SLOTS)
PROVIDERS = {"mocksports": SPORTS, "mocklive": LIVE, "mockslots": SLOTS}

# --- currencies: code -> decimal places of the minor unit
CURRENCY_EXPONENTS = {"KRW": 0, "USD": 2, "EUR": 2, "TRY": 2, "BTC": 8}
POINTS_CURRENCY = "PTS"

# --- accounts. Cash accounts are per player; counter-accounts are per brand and currency.
CASH_AVAILABLE = "CASH/AVAILABLE"
CASH_PENDING = "CASH/PENDING"
COUNTER_ACCOUNTS = ("PSP", "HOUSE", "PROMO", "OPENING", "ADJ", "ISSUED", "REDEEMED", "EXPIRED")

# --- events and the partitioned stream that carries them
WALLET_STREAM_PREFIX = "wallet.events."  # + partition number
ROLLING_STREAM = "rolling.events"
PARTITIONS = 8
ROLLING_GROUP = "rolling_worker"
# Consumers of the wallet's stream, by schema, each with its group. All of them must have an event
# before it may be trimmed or pruned.
WALLET_CONSUMERS = {"rolling": ROLLING_GROUP}
BET_SETTLED_CONFIRMED = "BET_SETTLED_CONFIRMED"
BET_ROLLED_BACK_CONFIRMED = "BET_ROLLED_BACK_CONFIRMED"
WIN_CONFIRMED = "WIN_CONFIRMED"
WIN_REVERSED_CONFIRMED = "WIN_REVERSED_CONFIRMED"
ROLLING_REQUIRED = "ROLLING_REQUIRED"
ROLLING_REVOKED = "ROLLING_REVOKED"  # the wallet has taken back what a rolling was for
ROLLING_COMPLETED_CONFIRMED = "ROLLING_COMPLETED_CONFIRMED"
TRANSFER_COMPLETED = "TRANSFER_COMPLETED"
POINTS_TRANSFERRED = "POINTS_TRANSFERRED"
DEPOSIT_APPROVED = "DEPOSIT_APPROVED"
WITHDRAW_APPROVED = "WITHDRAW_APPROVED"
ROLLING_COMPLETED = "ROLLING_COMPLETED"
ROLLING_CANCELED = "ROLLING_CANCELED"
OUTBOX_CANARY = "OUTBOX_CANARY"

# --- freeze levels (SPEC 1.6)
OPEN = "open"
INGRESS = "ingress"
SEALED = "sealed"
FREEZE_LEVELS = (OPEN, INGRESS, SEALED)

# --- topology seeds
RUBY_SPLIT_V1 = "RUBY_SPLIT_V1"
RUBY_UNIFIED_V1 = "RUBY_UNIFIED_V1"
TOPOLOGY_CODES = (RUBY_SPLIT_V1, RUBY_UNIFIED_V1)
DEFAULT_POLICY_KEY = "default"

# --- stable error codes of the platform
MAINTENANCE = "MAINTENANCE"
IDEMPOTENCY_KEY_REQUIRED = "IDEMPOTENCY_KEY_REQUIRED"
IDEMPOTENCY_IN_FLIGHT = "IDEMPOTENCY_IN_FLIGHT"
IDEMPOTENCY_PAYLOAD_MISMATCH = "IDEMPOTENCY_PAYLOAD_MISMATCH"
IDEMPOTENCY_ANSWER_PRUNED = "IDEMPOTENCY_ANSWER_PRUNED"
BALANCE_LIMIT = "BALANCE_LIMIT"
INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
OPEN_STAKES = "OPEN_STAKES"
BET_ALREADY_EXISTS = "BET_ALREADY_EXISTS"
CANARY_TOKEN_INVALID = "CANARY_TOKEN_INVALID"
FENCING_TOKEN_REQUIRED = "FENCING_TOKEN_REQUIRED"
FENCING_TOKEN_OVERTAKEN = "FENCING_TOKEN_OVERTAKEN"

# --- who may call which internal route: (process, method, path template) -> callers. Code, tests and docs read this table.
# fmt: off
ROUTE_CALLERS: dict[tuple[str, str, str], tuple[str, ...]] = {
    (WALLET_SERVICE, "GET", "/internal/wallet/topology/active"): (
        GATEWAY,
        GAME_SERVICE,
        PLAYER_SERVICE,
        ROLLING_SERVICE,
        ROLLING_WORKER,
        ADMIN_SERVICE,
        OPERATOR,
    ),
    (WALLET_SERVICE, "GET", "/internal/wallet/policy/active"): (
        GATEWAY,
        GAME_SERVICE,
        PLAYER_SERVICE,
        ROLLING_SERVICE,
        ROLLING_WORKER,
        ADMIN_SERVICE,
        OPERATOR,
    ),
    (WALLET_SERVICE, "GET", "/internal/wallet/topology"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "GET", "/internal/wallet/policy"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "GET", "/internal/wallet/activations"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "GET", "/internal/wallet/topology/{code}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/validate"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-unified-v1"): (ADMIN_SERVICE, OPERATOR),
    (
        WALLET_SERVICE,
        "GET",
        "/internal/wallet/topology/{code}/activate/{version}/{policy_key}/{policy_version}",
    ): (OPERATOR,),
    (WALLET_SERVICE, "GET", "/internal/wallet/policy/{policy_key}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "GET", "/internal/wallet/topology/{code}/diff/{old}/{new}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "GET", "/internal/wallet/policy/{policy_key}/diff/{old}/{new}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}/activate"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/players"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "GET", "/internal/wallet/v2/players/{player_id}/snapshot"): (PLAYER_SERVICE, ADMIN_SERVICE, GATEWAY, OPERATOR),
    (WALLET_SERVICE, "GET", "/internal/wallet/v2/players/{player_id}/funding-choice"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "PUT", "/internal/wallet/v2/players/{player_id}/funding-choice"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/authorize"): (GAME_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle"): (GAME_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle-batch"): (GAME_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/rollback"): (GAME_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/wins"): (GAME_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/wins/reverse"): (GAME_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/campaigns"): (ADMIN_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/deposits/approve"): (PLAYER_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/deposits/wallet"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/wallet"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/request"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/approve"): (ADMIN_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/reject"): (ADMIN_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/mark-paid"): (ADMIN_SERVICE, PLAYER_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/cancel"): (PLAYER_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/withdrawals/payout-failed"): (ADMIN_SERVICE, PLAYER_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/transfers"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/transfers/legacy"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bonuses/issue"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bonuses/reverse"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bonuses/expire"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/points/award"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/points/transfer"): (PLAYER_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/points/expire"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/adjustments/request"): (ADMIN_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/adjustments/approve"): (ADMIN_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/adjustments/reject"): (ADMIN_SERVICE,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/rollings/complete"): (ROLLING_WORKER,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/rollings/close"): (ROLLING_WORKER,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/coupon-grants/issue"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/coupon-grants/reverse"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/coupon-grants/expire"): (PROMOTION_SERVICE, ADMIN_SERVICE),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/reconciliation/run"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "GET", "/internal/wallet/v2/reconciliation/last"): (ADMIN_SERVICE, OPERATOR),
    (ROLLING_SERVICE, "GET", "/internal/rolling/players/{player_id}"): (GATEWAY, ADMIN_SERVICE, OPERATOR),
    (ROLLING_SERVICE, "POST", "/internal/rolling/{rolling_id}/cancel"): (ADMIN_SERVICE,),
    (ROLLING_SERVICE, "POST", "/internal/rolling/dead-letters/{dead_letter_id}/replay"): (OPERATOR,),
    (ROLLING_SERVICE, "POST", "/internal/rolling/dead-letters/{dead_letter_id}/discard"): (ADMIN_SERVICE, OPERATOR),
    (ROLLING_SERVICE, "POST", "/internal/rolling/dead-letters/{dead_letter_id}/discard/confirm"): (ADMIN_SERVICE,),
    (GAME_SERVICE, "POST", "/internal/game/bets/authorize"): (GATEWAY,),
    (GAME_SERVICE, "POST", "/internal/game/bets/settle"): (GATEWAY,),
    (GAME_SERVICE, "POST", "/internal/game/bets/rollback"): (GATEWAY,),
    (GAME_SERVICE, "POST", "/internal/game/wins"): (GATEWAY,),
    (GAME_SERVICE, "POST", "/internal/game/wins/reverse"): (GATEWAY,),
    (GAME_SERVICE, "GET", "/internal/game/providers/{provider_id}/wins"): (ADMIN_SERVICE, OPERATOR),
    (GAME_SERVICE, "GET", "/internal/game/providers/{provider_id}/statement"): (ADMIN_SERVICE, OPERATOR),
    (PLAYER_SERVICE, "POST", "/internal/players"): (GATEWAY, ADMIN_SERVICE, OPERATOR),
    (PLAYER_SERVICE, "GET", "/internal/players/{player_id}/wallet"): (GATEWAY,),
    (PLAYER_SERVICE, "GET", "/internal/players/{player_id}/funding-choice"): (GATEWAY,),
    (PLAYER_SERVICE, "PUT", "/internal/players/{player_id}/funding-choice"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/deposit"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/wallet-deposit"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/withdraw"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/wallet-withdrawal"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/withdrawals/{transaction_id}/cancel"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/transfer"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/legacy-transfer"): (GATEWAY,),
    (PLAYER_SERVICE, "POST", "/internal/players/{player_id}/points-transfer"): (GATEWAY,),
}

# --- routes by which the operator changes something: such a call must carry FENCE_HEADER, and its
# executor holds the fence.
FENCED_ROUTES: tuple[tuple[str, str, str], ...] = (
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}"),
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate"),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-unified-v1"),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}"),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}/activate"),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle"),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle-batch"),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/rollback"),
    (ROLLING_SERVICE, "POST", "/internal/rolling/dead-letters/{dead_letter_id}/replay"),
    (ROLLING_SERVICE, "POST", "/internal/rolling/dead-letters/{dead_letter_id}/discard"),
    (PLAYER_SERVICE, "POST", "/internal/players"),
)
# Routes that admit the operator and need no fence, each with the reason.
UNFENCED_ROUTES: dict[tuple[str, str, str], str] = {
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/validate"): "asks a question",
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/reconciliation/run"): "reads money and records what it found",
}

# --- routes that take a body and no key or request id, each with the reason. Any other write without one is a 400.
KEYLESS_ROUTES: dict[tuple[str, str, str], str] = {
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/validate"): "asks a question and writes nothing",
    (ADMIN_SERVICE, "POST", "/api/v1/topology/validate"): "asks the same question",
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/reconciliation/run"): "moves nothing; every cycle is one of its own",
}

# --- routes that change what the platform is, and the callers whose call does: each moves
# `wallet_fence.change_no` with its change, which takes back what was proved before. Documents count,
# because they change what an activation would do. Money of players and of the back office does not;
# nor does a new player, for whom every flow of a verification asks.
CHANGING_ROUTES: dict[tuple[str, str, str], tuple[str, ...]] = {
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/topology/{code}/activate"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-split-v1"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/topology/seed-ruby-unified-v1"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "PUT", "/internal/wallet/policy/{policy_key}/activate"): (ADMIN_SERVICE, OPERATOR),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle"): (OPERATOR,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/settle-batch"): (OPERATOR,),
    (WALLET_SERVICE, "POST", "/internal/wallet/v2/bets/rollback"): (OPERATOR,),
    (ROLLING_SERVICE, "POST", "/internal/rolling/dead-letters/{dead_letter_id}/replay"): (OPERATOR,),
    (ROLLING_SERVICE, "POST", "/internal/rolling/dead-letters/{dead_letter_id}/discard"): (OPERATOR,),
}
# fmt: on
