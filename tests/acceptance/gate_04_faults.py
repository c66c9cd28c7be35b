"""Faults for GATE-4, most of them forbidden ways to write money; each ends with its block."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from tests.acceptance.gate_stage import Fault, statements
from tests.acceptance.recorded import Stage

QUICK_FIX = "wallet.quick_fix(uuid, bigint)"
BUCKET_GRANT = "UPDATE (balance) ON wallet.wallet_bucket"
APPLY = "EXECUTE ON FUNCTION wallet.apply_command(wallet.command)"
BLIND_TABLE = "public.has_table_privilege(oid, oid, text)"
BLIND_COLUMN = "public.has_column_privilege(oid, oid, smallint, text)"
TO_COME = "FOR ROLE wallet_owner IN SCHEMA wallet"


@contextmanager
def replaced_function(stage: Stage) -> Iterator[None]:
    """Replace the trigger function that protects documents by one that allows every change."""
    text = stage.live.one("SELECT pg_get_functiondef('wallet.protect_document'::regproc) AS text")[
        "text"
    ]
    empty = (
        "CREATE OR REPLACE FUNCTION wallet.protect_document() RETURNS trigger LANGUAGE plpgsql "
        "AS $$ BEGIN RETURN NEW; END $$"
    )
    with closing(stage.live.superuser()) as connection:
        connection.execute(empty)
        try:
            yield
        finally:
            connection.execute(text.encode())


FAULTS = (
    Fault(
        "a service may insert into a money table",
        "gate-04",
        "game_service has INSERT on wallet.wallet_bucket",
        statements(
            "GRANT INSERT ON wallet.wallet_bucket TO game_service",
            undo=("REVOKE INSERT ON wallet.wallet_bucket FROM game_service",),
        ),
    ),
    Fault(
        "a service may update one column",
        "gate-04",
        "player_service has UPDATE on wallet.wallet_bucket",
        statements(
            f"GRANT {BUCKET_GRANT} TO player_service",
            undo=(f"REVOKE {BUCKET_GRANT} FROM player_service",),
        ),
    ),
    Fault(
        "a worker may update a ledger partition",
        "gate-04",
        "wallet_worker has UPDATE on wallet.wallet_ledger_",
        statements(
            "GRANT UPDATE ON {partition} TO wallet_worker",
            undo=("REVOKE UPDATE ON {partition} FROM wallet_worker",),
        ),
    ),
    Fault(
        "a service may call the apply path",
        "gate-04",
        "game_service has EXECUTE on wallet.apply_command(wallet.command)",
        statements(f"GRANT {APPLY} TO game_service", undo=(f"REVOKE {APPLY} FROM game_service",)),
    ),
    Fault(
        "a function beside the apply path",
        "gate-04",
        "game_service has EXECUTE on wallet.quick_fix(uuid,bigint)",
        statements(
            f"CREATE FUNCTION {QUICK_FIX} RETURNS void LANGUAGE sql SECURITY DEFINER AS "
            "'UPDATE wallet.wallet_bucket SET balance = balance + $2 WHERE player_id = $1'",
            f"REVOKE ALL ON FUNCTION {QUICK_FIX} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {QUICK_FIX} TO game_service",
            undo=(f"DROP FUNCTION {QUICK_FIX}",),
        ),
    ),
    Fault(
        "a service is a member of the owner",
        "gate-04",
        "game_service has MEMBER on wallet_owner",
        # With NOINHERIT, game_service gets none of the owner's rights. The gate must report the
        # membership itself.
        statements(
            "ALTER ROLE game_service NOINHERIT",
            "GRANT wallet_owner TO game_service",
            undo=("REVOKE wallet_owner FROM game_service", "ALTER ROLE game_service INHERIT"),
        ),
    ),
    Fault(
        "a service is above all grants",
        "gate-04",
        "game_service has SUPERUSER on the whole cluster",
        statements(
            "ALTER ROLE game_service SUPERUSER", undo=("ALTER ROLE game_service NOSUPERUSER",)
        ),
    ),
    Fault(
        "a guard of the ledger is switched off",
        "gate-04",
        "may be changed by DELETE",
        statements(
            "ALTER TABLE {partition} DISABLE TRIGGER immutable_rows",
            undo=("ALTER TABLE {partition} ENABLE ALWAYS TRIGGER immutable_rows",),
        ),
    ),
    Fault(
        "a right, and a path of the reader that would hide it",
        "gate-04",
        "wallet_worker has INSERT on wallet.wallet_idempotency",
        statements(
            "GRANT INSERT ON wallet.wallet_idempotency TO wallet_worker",
            f"CREATE FUNCTION {BLIND_TABLE} RETURNS boolean LANGUAGE sql AS 'SELECT false'",
            f"CREATE FUNCTION {BLIND_COLUMN} RETURNS boolean LANGUAGE sql AS 'SELECT false'",
            "ALTER ROLE rubyops_read IN DATABASE {database} SET search_path = public, pg_catalog",
            undo=(
                "ALTER ROLE rubyops_read IN DATABASE {database} RESET search_path",
                f"DROP FUNCTION {BLIND_TABLE}, {BLIND_COLUMN}",
                "REVOKE INSERT ON wallet.wallet_idempotency FROM wallet_worker",
            ),
        ),
    ),
    Fault(
        "a role that cannot log in",
        "gate-04",
        "gateway: nothing was tried: gateway cannot log in",
        statements(
            "REVOKE CONNECT ON DATABASE {database} FROM gateway",
            undo=("GRANT CONNECT ON DATABASE {database} TO gateway",),
        ),
        "inconclusive",
    ),
    Fault(
        "rights on tables to come",
        "gate-04",
        "game_service gets INSERT on whatever wallet_owner makes from now on",
        statements(
            f"ALTER DEFAULT PRIVILEGES {TO_COME} GRANT INSERT ON TABLES TO game_service",
            undo=(f"ALTER DEFAULT PRIVILEGES {TO_COME} REVOKE INSERT ON TABLES FROM game_service",),
        ),
    ),
    Fault(
        "a rule that writes money",
        "gate-04",
        "rule also on game.bet writes, or keeps others from writing, "
        "wallet.wallet_rolling_obligation",
        statements(
            "CREATE RULE also AS ON DELETE TO game.bet "
            "DO ALSO DELETE FROM wallet.wallet_rolling_obligation",
            undo=("DROP RULE also ON game.bet",),
        ),
    ),
    Fault(
        "a function of ours that was replaced",
        "gate-04",
        "function wallet.protect_document() was replaced: its body",
        replaced_function,
    ),
)
ALTERING_ROLES = ("a service is a member of the owner", "a service is above all grants")
