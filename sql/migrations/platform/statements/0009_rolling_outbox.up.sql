-- Rolling's outbox gets the columns of the wallet's, so that one text of each statement serves
-- both.
ALTER TABLE rolling.rolling_outbox
    -- The number among the player's events; NULL as long as nobody consumes them.
    ADD COLUMN event_no bigint CHECK (event_no > 0),
    -- The event's place in the order of publishing of its partition, its entry in the stream, and
    -- how often it was lost there and had to be sent again.
    ADD COLUMN publication_no bigint,
    ADD COLUMN entry_id text,
    ADD COLUMN resends integer NOT NULL DEFAULT 0;
CREATE INDEX rolling_outbox_publication ON rolling.rolling_outbox (partition_no, publication_no)
    WHERE publication_no IS NOT NULL;
ALTER TABLE rolling.rolling_outbox_partition
    -- The last publication number given, and the one up to which every consumer has every event.
    ADD COLUMN published_no bigint NOT NULL DEFAULT 0,
    ADD COLUMN applied_no bigint NOT NULL DEFAULT 0,
    -- When outbox, stream and consumers were compared last, and how many events were missing then.
    ADD COLUMN compared_at timestamptz,
    ADD COLUMN missing bigint NOT NULL DEFAULT 0;
