-- OPS-01: make the missing wallet balances of legacy players, in batches, with OPENING legs in the
-- ledger (LE-4).

CREATE TABLE wallet.backfill_run (
    run_id         text PRIMARY KEY,
    tenant_id      uuid,
    upper_tenant   uuid,
    upper_player   uuid,
    last_tenant    uuid NOT NULL,
    last_player    uuid NOT NULL,
    scanned        bigint NOT NULL DEFAULT 0,
    created        bigint NOT NULL DEFAULT 0,
    skipped_exists bigint NOT NULL DEFAULT 0,
    updated_forced bigint NOT NULL DEFAULT 0,
    errors         bigint NOT NULL DEFAULT 0,
    finished       boolean NOT NULL DEFAULT false,
    started_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE wallet.backfill_error (
    run_id    text NOT NULL REFERENCES wallet.backfill_run,
    tenant_id uuid NOT NULL,
    player_id uuid NOT NULL,
    reason    text NOT NULL,
    PRIMARY KEY (run_id, tenant_id, player_id)
);
