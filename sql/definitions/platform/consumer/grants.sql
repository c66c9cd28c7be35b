-- The rights of each consumer's roles. `sql.owners` replaces the placeholders.
GRANT USAGE ON SCHEMA {consumer} TO {consumer}_owner;
GRANT SELECT ON {consumer}.{consumer}_position, {consumer}.{consumer}_dead_letter
    TO {consumer}_owner;
ALTER FUNCTION {consumer}.unapplied(uuid[], uuid[], uuid[], bigint[]) OWNER TO {consumer}_owner;
GRANT EXECUTE ON FUNCTION {consumer}.unapplied(uuid[], uuid[], uuid[], bigint[])
    TO {publisher}_worker, {publisher}_owner, rubyops_read, rubyops_ops;

GRANT USAGE ON SCHEMA {consumer}
    TO {service}, {worker}, {publisher}_worker, {publisher}_owner, rubyops_read,
       rubyops_ops;
GRANT SELECT ON {consumer}.{consumer}_inbox, {consumer}.{consumer}_position,
    {consumer}.{consumer}_event_failure, {consumer}.{consumer}_dead_letter,
    {consumer}.{consumer}_consumer, {consumer}.{consumer}_partition
    TO {service}, {worker}, rubyops_read, rubyops_ops;
GRANT INSERT, DELETE ON {consumer}.{consumer}_inbox TO {worker};
GRANT INSERT, UPDATE ON {consumer}.{consumer}_position TO {worker};
GRANT INSERT, UPDATE, DELETE ON {consumer}.{consumer}_event_failure, {consumer}.{consumer}_consumer
    TO {worker};
GRANT UPDATE ON {consumer}.{consumer}_partition TO {worker};
GRANT INSERT, UPDATE (reason, error, tries, replay_requested_at, resolved_at)
    ON {consumer}.{consumer}_dead_letter TO {worker};
GRANT UPDATE (replay_requested_at, replay_requested_by, discard_reason, discard_requested_by,
              discard_requested_key, discard_requested_at, discard_confirmed_by,
              discard_confirmed_key, discard_confirmed_at)
    ON {consumer}.{consumer}_dead_letter TO {service};

-- The worker checks which stream entries the outbox has (known_events). The service checks the
-- fencing token of an operator's replay or discard (hold_fence, note_change). Retention by the
-- worker and discards by the service are refused while money is sealed (hold_unsealed).
GRANT USAGE ON SCHEMA {publisher} TO {service}, {worker};
GRANT EXECUTE ON FUNCTION {publisher}.known_events(jsonb) TO {worker};
GRANT USAGE ON SCHEMA wallet TO {service}, {worker};
GRANT EXECUTE ON FUNCTION wallet.hold_fence(bigint), wallet.note_change(bigint)
    TO {service};
GRANT EXECUTE ON FUNCTION wallet.hold_unsealed() TO {service}, {worker};
