-- Rights of the schema rolling beyond those of every consumer. rolling_owner owns the functions
-- that the wallet calls, and cannot log in.
ALTER FUNCTION rolling.completion_ratio(uuid) OWNER TO rolling_owner;
ALTER FUNCTION rolling.rollings_between(timestamptz, timestamptz, timestamptz)
    OWNER TO rolling_owner;
ALTER FUNCTION rolling.turnover_between(timestamptz, timestamptz, timestamptz)
    OWNER TO rolling_owner;
ALTER FUNCTION rolling.answer_to(uuid, uuid) OWNER TO rolling_owner;
ALTER FUNCTION rolling.lead_rollings(uuid, uuid, jsonb, text, bigint) OWNER TO rolling_owner;
GRANT SELECT ON rolling.brand_config, rolling.player_rolling, rolling.rolling_turnover,
    rolling.rolling_finding, rolling.rolling_inbox, rolling.rolling_retry TO rolling_owner;
-- rolling_owner may change in which bucket a rolling counts, and nothing else.
GRANT UPDATE (topology_code, bucket_type_code, provider_types, revision, restore_epoch, updated_at)
    ON rolling.player_rolling TO rolling_owner;

GRANT USAGE ON SCHEMA rolling TO wallet_service;
GRANT SELECT ON ALL TABLES IN SCHEMA rolling TO rolling_service, rolling_worker, rubyops_read,
    rubyops_ops;

-- Tables that both processes write.
GRANT UPDATE ON rolling.player_rolling TO rolling_service, rolling_worker;
GRANT INSERT ON rolling.rolling_outbox, rolling.rolling_retry TO rolling_service, rolling_worker;
GRANT EXECUTE ON FUNCTION rolling.closed_payload(rolling.player_rolling)
    TO rolling_service, rolling_worker;

-- Tables that the worker writes.
GRANT INSERT ON rolling.player_rolling, rolling.rolling_finding TO rolling_worker;
GRANT INSERT, UPDATE ON rolling.rolling_turnover TO rolling_worker;
GRANT INSERT, UPDATE, DELETE ON rolling.rolling_retry TO rolling_worker;
GRANT UPDATE ON rolling.rolling_outbox_partition TO rolling_worker;
GRANT UPDATE (published_at, attempts, publication_no, entry_id, resends), DELETE
    ON rolling.rolling_outbox TO rolling_worker;

-- Functions that the wallet may call.
GRANT EXECUTE ON FUNCTION rolling.completion_ratio(uuid),
    rolling.lead_rollings(uuid, uuid, jsonb, text, bigint) TO wallet_owner;
GRANT EXECUTE ON FUNCTION rolling.rollings_between(timestamptz, timestamptz, timestamptz),
    rolling.turnover_between(timestamptz, timestamptz, timestamptz),
    rolling.answer_to(uuid, uuid) TO wallet_service, rubyops_read, rubyops_ops;
