ALTER TABLE rolling.rolling_outbox_partition
    DROP COLUMN published_no, DROP COLUMN applied_no, DROP COLUMN compared_at, DROP COLUMN missing;
ALTER TABLE rolling.rolling_outbox
    DROP COLUMN event_no, DROP COLUMN publication_no, DROP COLUMN entry_id, DROP COLUMN resends;
