"""The rights that each role may have on the wallet's tables and functions, for GATE-4.

A new right must be listed here. GATE-4 reports any other right, because a role could use it to
write money without wallet_service.
"""

from wallet_runtime.contract.consumers import CONSUMER_SERVICES, CONSUMER_WORKERS, WALLET_CONSUMERS
from wallet_runtime.contract.processes import (
    ADMIN_SERVICE,
    GATEWAY,
    PLAYER_SERVICE,
    PROCESSES,
    WALLET_SERVICE,
    WALLET_WORKER,
)

OPERATOR_ROLE = "rubyops_ops"
READER_ROLE = "rubyops_read"
PLATFORM_ROLES = (*PROCESSES, READER_ROLE, OPERATOR_ROLE)
WALLET_OWNER = "wallet_owner"
# None of these can log in.
OWNERS = (WALLET_OWNER, "player_owner", *(f"{schema}_owner" for schema in WALLET_CONSUMERS))
# Schemas beside the wallet's where functions that run with their owner's rights look for tables.
NEIGHBOURS = ("player", *WALLET_CONSUMERS)

# Tables that must exist. No role may write them, so they are not in WRITES.
MONEY_TABLES = (
    "wallet_player",
    "wallet_bucket",
    "wallet_balances",
    "wallet_coupon_grant",
    "wallet_ledger",
    "wallet_counter_entry",
    "wallet_bet_authorization",
    "wallet_transfer",
    "wallet_bonus",
    "wallet_adjustment",
    "wallet_rolling_obligation",
    "wallet_turnover",
    "wallet_idempotency",
    "wallet_claim",
    "wallet_lock",
    "wallet_reference",
    "wallet_record_seal",
    "wallet_campaign",
    "wallet_win",
    "wallet_win_reversal",
    "ledger_transactions",
)

_CALLS: dict[str, tuple[str, ...]] = {
    WALLET_SERVICE: (
        "apply_command",
        "apply_commands",
        "read_state",
        "choose_source",
        "create_campaign",
        "register_player",
        "switch_active",
        "ensure_ledger_partitions",
        "walk_ledger",
        "fold_counters",
        "seal_month",
        "raise_freeze",
        "settle_freeze",
        "hold_fence",
        "note_change",
    ),
    GATEWAY: ("knows_pass",),
    ADMIN_SERVICE: ("knows_pass",),
    PLAYER_SERVICE: ("hold_fence",),
    WALLET_WORKER: ("prune_outbox", "prune_idempotency", "hold_unsealed"),
    OPERATOR_ROLE: (
        "advance_fence",
        "raise_freeze",
        "settle_freeze",
        "lower_freeze",
        "issue_canary_pass",
        "count_unpublished",
        "publish_canary",
        "backfill_batch",
        "topology_move_batch",
        "hold_fence",
        "note_change",
        "hold_unsealed",
    ),
}
_CALLS_OF_CONSUMERS = (
    *((worker, ("hold_unsealed", "known_events")) for worker in CONSUMER_WORKERS),
    *((service, ("hold_fence", "note_change", "hold_unsealed")) for service in CONSUMER_SERVICES),
)
# The SECURITY DEFINER functions of schema wallet that each role may call.
CALLS = dict(_CALLS)
for _role, _names in _CALLS_OF_CONSUMERS:
    CALLS[_role] = (*CALLS.get(_role, ()), *_names)

# The tables of schema wallet that a role may write without a function: role, privilege, table and
# columns. No columns means the whole table.
WRITES: tuple[tuple[str, str, str, str], ...] = (
    (WALLET_SERVICE, "INSERT", "wallet_topology", "code version document saved_by"),
    (WALLET_SERVICE, "UPDATE", "wallet_topology", "document saved_by saved_at"),
    (
        WALLET_SERVICE,
        "INSERT",
        "wallet_policy",
        "policy_key version topology_code topology_version document saved_by",
    ),
    (
        WALLET_SERVICE,
        "UPDATE",
        "wallet_policy",
        "topology_code topology_version document saved_by saved_at",
    ),
    (WALLET_SERVICE, "INSERT", "wallet_draft_request", "caller path request_id payload_sha256"),
    (WALLET_SERVICE, "UPDATE", "wallet_draft_request", "answer"),
    (WALLET_SERVICE, "INSERT", "wallet_reconciliation", ""),
    (WALLET_SERVICE, "UPDATE", "wallet_reconciliation_turn", ""),
    (WALLET_SERVICE, "UPDATE", "wallet_ledger_seal", "verified_at"),
    (
        WALLET_WORKER,
        "UPDATE",
        "wallet_outbox",
        "published_at attempts publication_no entry_id resends",
    ),
    (WALLET_WORKER, "UPDATE", "wallet_outbox_partition", ""),
)

# Tables of wallet.sealed_kinds() whose every column is sealed, and whose only trigger is the seal.
SEALED_WHOLE = (
    "wallet_rolling_obligation",
    "wallet_bonus",
    "wallet_adjustment",
    "wallet_transfer",
    "ledger_transactions",
    "wallet_reference",
    "wallet_funding_choice",
    "wallet_activation",
    "wallet_currency",
    "wallet_campaign",
)

# Triggers as PostgreSQL prints them. The letter before is pg_trigger.tgenabled: A fires always,
# O does not fire when session_replication_role is replica.
_ROWS = "A CREATE TRIGGER immutable_rows BEFORE DELETE OR UPDATE ON {table} FOR EACH ROW"
_TABLE = "A CREATE TRIGGER immutable_table BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"
_SEALED = "A CREATE TRIGGER sealed BEFORE INSERT ON {table} FOR EACH ROW"
_DOCUMENT = "O CREATE TRIGGER protect_document BEFORE DELETE OR UPDATE ON {table} FOR EACH ROW"
_UNSEALED = (
    "O CREATE TRIGGER unsealed BEFORE INSERT OR DELETE OR UPDATE ON {table} FOR EACH STATEMENT"
)
_EACH = "ON {table} FOR EACH ROW"
_AT_COMMIT = "ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
_GRANT = f"O CREATE CONSTRAINT TRIGGER closed_grant_is_empty AFTER INSERT OR UPDATE {_AT_COMMIT}"
_PLAYER = f"O CREATE TRIGGER version_follows AFTER UPDATE OF currency, status, canary {_EACH}"
_SEAL = f"O CREATE TRIGGER seal AFTER INSERT OR UPDATE {_EACH}"
# Some tables have columns that the wallet's decisions do not set. The seal leaves these out.
_SEAL_PLAYER = (
    "O CREATE TRIGGER seal AFTER INSERT OR UPDATE OF "
    f"brand_id, player_id, currency, status, canary, created_at {_EACH}"
)
_SEAL_GRANT = (
    "O CREATE TRIGGER seal AFTER INSERT OR UPDATE OF "
    "grant_id, brand_id, player_id, topology_code, coupon_log_id, account, scope, "
    "currency, amount, state, topology_version, policy_key, policy_version, "
    f"transaction_id, expires_at, created_at, closed_at {_EACH}"
)
_SEAL_EVENT = (
    "O CREATE TRIGGER seal AFTER INSERT OR UPDATE OF "
    "outbox_id, event_id, partition_no, brand_id, player_id, player_version, "
    f"event_no, event_type, schema_version, payload, occurred_at, restore_epoch {_EACH} "
    "WHEN ((new.event_type <> ALL (ARRAY["
    "'BET_SETTLED_CONFIRMED'::text, 'BET_ROLLED_BACK_CONFIRMED'::text, 'OUTBOX_CANARY'::text])))"
)
_TURNOVER = f"O CREATE TRIGGER seal BEFORE INSERT OR DELETE OR UPDATE {_EACH}"
SEAL = "wallet.seal_record()"
REFUSE = "wallet.refuse_change()"
REFUSE_SEALED = "wallet.refuse_sealed()"
PARTITION_OF_LEDGER = "a partition of wallet_ledger"

# By table: the trigger, the function that it calls, and whether the trigger must exist.
TRIGGERS: dict[str, tuple[tuple[str, str, bool], ...]] = {
    "wallet_topology": (
        (_DOCUMENT, "wallet.protect_document()", True),
        (_UNSEALED, REFUSE_SEALED, True),
        (_SEAL, SEAL, True),
    ),
    "wallet_draft_request": ((_UNSEALED, REFUSE_SEALED, True),),
    "wallet_policy": (
        (_DOCUMENT, "wallet.protect_document()", True),
        (_UNSEALED, REFUSE_SEALED, True),
        (_SEAL, SEAL, True),
    ),
    "wallet_coupon_grant": (
        (_GRANT, "wallet.refuse_money_in_closed_grant()", True),
        (_SEAL_GRANT, SEAL, True),
    ),
    "wallet_player": ((_PLAYER, "wallet.move_player_version()", True), (_SEAL_PLAYER, SEAL, True)),
    "wallet_outbox": ((_SEAL_EVENT, SEAL, True),),
    "wallet_turnover": ((_TURNOVER, "wallet.seal_turnover()", True),),
    "wallet_record_seal": ((_ROWS, REFUSE, True), (_TABLE, REFUSE, True)),
    **{table: ((_SEAL, SEAL, True),) for table in SEALED_WHOLE},
    "wallet_counter_entry": ((_ROWS, REFUSE, True), (_TABLE, REFUSE, True)),
    "wallet_lock": ((_ROWS, REFUSE, True), (_TABLE, REFUSE, True), (_SEAL, SEAL, True)),
    "wallet_win": ((_ROWS, REFUSE, True), (_TABLE, REFUSE, True), (_SEAL, SEAL, True)),
    "wallet_win_reversal": ((_ROWS, REFUSE, True), (_TABLE, REFUSE, True), (_SEAL, SEAL, True)),
    "wallet_ledger": ((_TABLE, REFUSE, True),),
    PARTITION_OF_LEDGER: ((_ROWS, REFUSE, True), (_TABLE, REFUSE, True), (_SEALED, REFUSE, False)),
}

# Triggers on tables of other schemas: functions of schema wallet refuse a write under a seal, and
# functions of schema rolling seal a row.
_NEW_PLAYER = (
    "O CREATE TRIGGER unsealed BEFORE INSERT ON {table} FOR EACH ROW "
    "WHEN ((SESSION_USER = 'player_service'::name))"
)
_SEEDED = (
    "O CREATE TRIGGER unsealed_seed BEFORE INSERT ON {table} FOR EACH STATEMENT "
    "WHEN ((SESSION_USER <> 'player_service'::name))"
)
TRIGGERS_ELSEWHERE = (
    *(
        f"{text.format(table=table)} EXECUTE FUNCTION {REFUSE_SEALED}"
        for text, table in (
            (_NEW_PLAYER, "player.player"),
            (_SEEDED, "player.player"),
            (_UNSEALED, "game.callback"),
            (_UNSEALED, "game.win"),
            (_UNSEALED, "gateway.maintenance"),
            (_UNSEALED, "gateway.maintenance_change"),
            (_UNSEALED, "admin.command_audit"),
            (_UNSEALED, "admin.command_claim"),
        )
    ),
    *(
        f"O CREATE TRIGGER seal BEFORE INSERT OR UPDATE ON rolling.{table} FOR EACH ROW "
        "EXECUTE FUNCTION rolling.seal_row()"
        for table in ("player_rolling", "rolling_turnover")
    ),
)

# PostgreSQL's predefined roles whose members could write: by rights, or by files or programs of the
# server.
PREDEFINED_WRITERS = (
    "pg_write_all_data",
    "pg_database_owner",
    "pg_maintain",
    "pg_execute_server_program",
    "pg_write_server_files",
    "pg_create_subscription",
)
# Server parameters that can switch triggers off or load code into a session.
PARAMETERS = (
    "session_replication_role",
    "allow_system_table_mods",
    "session_preload_libraries",
    "local_preload_libraries",
    "dynamic_library_path",
)
