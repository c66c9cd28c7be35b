REVOKE UPDATE (status) ON player.player FROM wallet_owner;
DROP FUNCTION wallet.backfill_batch(text, bigint, uuid, integer);
DROP FUNCTION wallet.backfill_range(text, uuid, uuid, uuid, uuid);
DROP FUNCTION wallet.backfill_hash(wallet.wallet_gate, text, uuid, uuid, text, text, bigint);
DROP FUNCTION wallet.backfill_start(text, uuid);
DROP VIEW wallet.backfill_candidate;
DROP TABLE wallet.backfill_error, wallet.backfill_run;
