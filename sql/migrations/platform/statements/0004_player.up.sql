-- Players with the flat balance they had before the wallet; read by the backfill, written by
-- nothing after creation.
CREATE SCHEMA player;

CREATE TABLE player.player (
    tenant_id              uuid NOT NULL,
    player_id              uuid NOT NULL,
    currency               text NOT NULL,
    -- Major units with whatever places the old platform left behind: the backfill decides what
    -- converts exactly.
    balance_real_available numeric,
    balance_real_held      numeric,
    status                 text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
    canary                 boolean NOT NULL DEFAULT false,
    created_at             timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, player_id)
);

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'player_owner') THEN
        CREATE ROLE player_owner NOLOGIN;
    END IF;
END $$;
ALTER TABLE player.player OWNER TO player_owner;
