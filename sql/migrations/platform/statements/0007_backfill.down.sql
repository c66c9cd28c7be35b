DROP TABLE wallet.backfill_error, wallet.backfill_run CASCADE;
