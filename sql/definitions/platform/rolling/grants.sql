-- The owner of the functions that the wallet may call; it cannot log in.
ALTER FUNCTION rolling.completion_ratio(uuid) OWNER TO rolling_owner;
ALTER FUNCTION rolling.unapplied(uuid[], uuid[], uuid[], bigint[]) OWNER TO rolling_owner;
ALTER FUNCTION rolling.rollings_between(timestamptz, timestamptz, timestamptz)
    OWNER TO rolling_owner;
ALTER FUNCTION rolling.turnover_between(timestamptz, timestamptz, timestamptz)
    OWNER TO rolling_owner;
ALTER FUNCTION rolling.answer_to(uuid, uuid) OWNER TO rolling_owner;
ALTER FUNCTION rolling.lead_rollings(uuid, uuid, jsonb, text, bigint) OWNER TO rolling_owner;
GRANT SELECT ON rolling.brand_config, rolling.player_rolling, rolling.rolling_turnover,
    rolling.rolling_finding, rolling.rolling_inbox, rolling.rolling_retry,
    rolling.rolling_position, rolling.rolling_dead_letter TO rolling_owner;
-- It may change of a rolling where it counts, and nothing else.
GRANT UPDATE (topology_code, bucket_type_code, provider_types, revision, restore_epoch, updated_at)
    ON rolling.player_rolling TO rolling_owner;

GRANT USAGE ON SCHEMA rolling TO rolling_service, rolling_worker, wallet_service, wallet_worker,
    rubyops_read, rubyops_ops, rolling_owner, wallet_owner;
GRANT SELECT ON ALL TABLES IN SCHEMA rolling TO rolling_service, rolling_worker, rubyops_read,
    rubyops_ops;

-- What both processes write.
GRANT UPDATE ON rolling.player_rolling TO rolling_service, rolling_worker;
GRANT INSERT ON rolling.rolling_outbox, rolling.rolling_retry TO rolling_service, rolling_worker;
GRANT EXECUTE ON FUNCTION rolling.closed_payload(rolling.player_rolling)
    TO rolling_service, rolling_worker;

-- What the worker writes.
GRANT INSERT ON rolling.player_rolling, rolling.rolling_finding, rolling.rolling_inbox,
    rolling.rolling_dead_letter TO rolling_worker;
GRANT INSERT, UPDATE ON rolling.rolling_turnover, rolling.rolling_position TO rolling_worker;
GRANT INSERT, UPDATE, DELETE ON rolling.rolling_retry, rolling.rolling_event_failure,
    rolling.rolling_consumer TO rolling_worker;
GRANT UPDATE ON rolling.rolling_partition, rolling.rolling_outbox_partition TO rolling_worker;
GRANT UPDATE (published_at, attempts, publication_no, entry_id, resends), DELETE
    ON rolling.rolling_outbox TO rolling_worker;
GRANT DELETE ON rolling.rolling_inbox TO rolling_worker;
GRANT UPDATE (reason, error, tries, replay_requested_at, resolved_at)
    ON rolling.rolling_dead_letter TO rolling_worker;

-- What persons ask of the service: a replay or a discard.
GRANT UPDATE (replay_requested_at, replay_requested_by, discard_reason, discard_requested_by,
              discard_requested_key, discard_requested_at, discard_confirmed_by,
              discard_confirmed_key, discard_confirmed_at)
    ON rolling.rolling_dead_letter TO rolling_service;

-- What the wallet may ask.
GRANT EXECUTE ON FUNCTION rolling.completion_ratio(uuid),
    rolling.lead_rollings(uuid, uuid, jsonb, text, bigint) TO wallet_owner;
GRANT EXECUTE ON FUNCTION rolling.unapplied(uuid[], uuid[], uuid[], bigint[])
    TO wallet_worker, wallet_owner, rubyops_read, rubyops_ops;
GRANT EXECUTE ON FUNCTION rolling.rollings_between(timestamptz, timestamptz, timestamptz),
    rolling.turnover_between(timestamptz, timestamptz, timestamptz),
    rolling.answer_to(uuid, uuid) TO wallet_service, rubyops_read, rubyops_ops;
