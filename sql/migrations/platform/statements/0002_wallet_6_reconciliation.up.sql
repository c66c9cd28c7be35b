-- What reconciliation keeps, what is sealed, and how long the rest is kept.

-- A transaction id as a number, so that it can be indexed by block range: new rows lie together at
-- the end of their table.
CREATE FUNCTION wallet.position(p_xid xid8) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT p_xid::text::bigint $$;
CREATE INDEX wallet_ledger_position ON wallet.wallet_ledger
    USING brin (wallet.position(xid)) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX wallet_counter_entry_position ON wallet.wallet_counter_entry
    USING brin (wallet.position(xid))
    WITH (pages_per_range = 32, autosummarize = on);

-- Every row below this position, of this restore epoch and all earlier ones, was walked; none
-- before the first cycle. The rotation goes round all players in key order: the next slice begins
-- with rotated_brand and rotated_player.
CREATE TABLE wallet.wallet_reconciliation_mark (
    one            smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    restore_epoch  bigint NOT NULL DEFAULT -1,
    walked_below   bigint NOT NULL DEFAULT 0,
    hashed_at      timestamptz NOT NULL DEFAULT '-infinity',
    rotated_brand  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    rotated_player uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000'
);
INSERT INTO wallet.wallet_reconciliation_mark DEFAULT VALUES;

-- An empty table to lock: one cycle at a time, and the right to lock it is no right to the mark.
CREATE TABLE wallet.wallet_reconciliation_turn ();

-- Up to where each account was walked and found sound. A suspect is walked whole in every cycle
-- until it is sound again.
CREATE TABLE wallet.wallet_reconciliation_checkpoint (
    brand_id  uuid NOT NULL,
    player_id uuid NOT NULL,
    account   text NOT NULL,
    version   bigint NOT NULL,
    balance   bigint NOT NULL,
    hash      bytea NOT NULL,
    suspect   boolean NOT NULL,
    PRIMARY KEY (brand_id, player_id, account)
) WITH (fillfactor = 80);
CREATE INDEX wallet_reconciliation_checkpoint_suspect
    ON wallet.wallet_reconciliation_checkpoint (brand_id, player_id, account) WHERE suspect;

-- Counter-accounts as running sums, and the position below which entries are in them. Bets only
-- insert entries and wait for nobody.
CREATE TABLE wallet.wallet_counter_sum (
    brand_id uuid NOT NULL,
    currency text NOT NULL,
    account  text NOT NULL,
    amount   bigint NOT NULL,
    PRIMARY KEY (brand_id, currency, account)
);

CREATE TABLE wallet.wallet_counter_fold (
    one           smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    restore_epoch bigint NOT NULL DEFAULT 0,
    folded_below  bigint NOT NULL DEFAULT 0
);
INSERT INTO wallet.wallet_counter_fold DEFAULT VALUES;

-- A closed month of the ledger and the digest over all its rows; also kept in `control` and in a
-- file, out of this server's reach.
CREATE TABLE wallet.wallet_ledger_seal (
    partition   text PRIMARY KEY,
    ends_at     timestamptz NOT NULL,
    row_count   bigint NOT NULL,
    digest      bytea NOT NULL,
    sealed_at   timestamptz NOT NULL DEFAULT now(),
    verified_at timestamptz NOT NULL DEFAULT now()
);

-- Retention: what is older than its time goes, in batches. How far back is known, so that no check
-- looks for what was removed.
CREATE TABLE wallet.wallet_retention (
    kind       text PRIMARY KEY CHECK (kind IN ('outbox', 'idempotency')),
    kept_since timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO wallet.wallet_retention (kind) VALUES ('outbox'), ('idempotency');
CREATE INDEX wallet_idempotency_age ON wallet.wallet_idempotency USING brin (created_at);

-- Every record as a function of the wallet wrote it, version by version, for good. It is no hash
-- alone: a finding says what differs, and from what. The hashes of one record's seals are a chain.
CREATE TABLE wallet.wallet_record_seal (
    kind          text NOT NULL,
    key           jsonb NOT NULL,
    version       integer NOT NULL,
    brand_id      uuid,
    player_id     uuid,
    content       jsonb NOT NULL,
    previous_hash bytea NOT NULL,
    hash          bytea NOT NULL,
    sealed_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, key, version)
);
CREATE INDEX wallet_record_seal_age ON wallet.wallet_record_seal USING brin (sealed_at);
CREATE INDEX wallet_ledger_age ON wallet.wallet_ledger
    USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX wallet_counter_entry_age ON wallet.wallet_counter_entry
    USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX wallet_bet_authorization_age ON wallet.wallet_bet_authorization
    USING brin (created_at, closed_at)
    WITH (pages_per_range = 32, autosummarize = on);

-- Reconciliation looks at sealed records by their age.
CREATE INDEX wallet_player_since ON wallet.wallet_player USING brin (created_at);
CREATE INDEX wallet_coupon_grant_since ON wallet.wallet_coupon_grant USING brin (created_at);
CREATE INDEX wallet_rolling_obligation_since ON wallet.wallet_rolling_obligation
    USING brin (created_at);
CREATE INDEX wallet_lock_since ON wallet.wallet_lock USING brin (created_at);
CREATE INDEX wallet_bonus_since ON wallet.wallet_bonus USING brin (created_at);
CREATE INDEX wallet_adjustment_since ON wallet.wallet_adjustment USING brin (requested_at);
CREATE INDEX wallet_transfer_since ON wallet.wallet_transfer USING brin (created_at);
CREATE INDEX ledger_transactions_since ON wallet.ledger_transactions USING brin (created_at);
CREATE INDEX wallet_reference_since ON wallet.wallet_reference USING brin (created_at);
CREATE INDEX wallet_funding_choice_since ON wallet.wallet_funding_choice USING brin (chosen_at);
CREATE INDEX wallet_campaign_since ON wallet.wallet_campaign USING brin (created_at);
CREATE INDEX wallet_win_since ON wallet.wallet_win USING brin (created_at);
CREATE INDEX wallet_win_reversal_since ON wallet.wallet_win_reversal USING brin (created_at);
CREATE INDEX wallet_outbox_since ON wallet.wallet_outbox USING brin (occurred_at);

-- The currencies are the sealed records that these migrations write, so they get their first seal
-- here, as wallet.put_seal makes it.
INSERT INTO wallet.wallet_record_seal (kind, key, version, content, previous_hash, hash)
SELECT 'wallet_currency', c.key, 1, c.content, '',
       sha256(''::bytea || record_send(ROW('wallet_currency'::text, convert_to(c.key::text, 'UTF8'),
                                           1, NULL::uuid, NULL::uuid,
                                           convert_to(c.content::text, 'UTF8'), now())))
  FROM (SELECT jsonb_build_array(w.code) AS key, to_jsonb(w) AS content
          FROM wallet.wallet_currency w) c;
