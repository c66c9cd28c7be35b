-- Triggers of the wallet's tables. Functions create the triggers of ledger partitions, so these are
-- not in this file.

CREATE OR REPLACE TRIGGER protect_document BEFORE UPDATE OR DELETE ON wallet.wallet_topology
    FOR EACH ROW EXECUTE FUNCTION wallet.protect_document();
CREATE OR REPLACE TRIGGER protect_document BEFORE UPDATE OR DELETE ON wallet.wallet_policy
    FOR EACH ROW EXECUTE FUNCTION wallet.protect_document();

-- PostgreSQL has no CREATE OR REPLACE for a constraint trigger.
DROP TRIGGER IF EXISTS closed_grant_is_empty ON wallet.wallet_coupon_grant;
CREATE CONSTRAINT TRIGGER closed_grant_is_empty
    AFTER INSERT OR UPDATE ON wallet.wallet_coupon_grant DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION wallet.refuse_money_in_closed_grant();

-- This is an AFTER trigger, because a BEFORE row trigger would lock the row for every bet, even if
-- the bet changes none of these columns.
CREATE OR REPLACE TRIGGER version_follows
    AFTER UPDATE OF currency, status, canary ON wallet.wallet_player
    FOR EACH ROW EXECUTE FUNCTION wallet.move_player_version();

CREATE OR REPLACE TRIGGER seal BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_turnover
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_turnover();

-- Tables whose rows no role may change.
SELECT wallet.make_immutable('wallet.wallet_counter_entry');
SELECT wallet.make_immutable('wallet.wallet_lock');
SELECT wallet.make_immutable('wallet.wallet_win');
SELECT wallet.make_immutable('wallet.wallet_win_reversal');
SELECT wallet.make_immutable('wallet.wallet_record_seal');
CREATE OR REPLACE TRIGGER immutable_table BEFORE TRUNCATE ON wallet.wallet_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_change();
ALTER TABLE wallet.wallet_ledger ENABLE ALWAYS TRIGGER immutable_table;
-- A new ledger needs its first partitions.
SELECT wallet.ensure_ledger_partitions(6);

-- Tables that services may not write under a seal of money (contract/seal.py).
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_topology
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_policy
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_draft_request
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();

-- Triggers that seal records. wallet.sealed_kinds lists the sealed columns. A trigger with a list
-- of columns must name all of them, without the unsealed columns.
CREATE OR REPLACE TRIGGER seal
    AFTER INSERT OR UPDATE OF brand_id, player_id, currency, status, canary, created_at
    ON wallet.wallet_player FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal
    AFTER INSERT OR UPDATE OF grant_id, brand_id, player_id, topology_code, coupon_log_id, account,
        scope, currency, amount, state, topology_version, policy_key, policy_version,
        transaction_id, expires_at, created_at, closed_at
    ON wallet.wallet_coupon_grant FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_rolling_obligation
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_lock
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_bonus
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_adjustment
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_transfer
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.ledger_transactions
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_reference
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_funding_choice
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_campaign
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_win
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_win_reversal
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal
    AFTER INSERT OR UPDATE OF outbox_id, event_id, partition_no, brand_id, player_id,
        player_version, event_no, event_type, schema_version, payload, occurred_at, restore_epoch
    ON wallet.wallet_outbox FOR EACH ROW
    WHEN (NEW.event_type NOT IN ('BET_SETTLED_CONFIRMED', 'BET_ROLLED_BACK_CONFIRMED',
                                 'OUTBOX_CANARY'))
    EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_topology
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_policy
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_activation
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
CREATE OR REPLACE TRIGGER seal AFTER INSERT OR UPDATE ON wallet.wallet_currency
    FOR EACH ROW EXECUTE FUNCTION wallet.seal_record();
