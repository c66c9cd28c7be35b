-- A process that is newer than the first revision needs its role and its connection here, too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY string_to_array('{processes}', ', ') LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA control TO {processes}, rubyops_read, rubyops_ops;

-- A process reads the freeze and writes of its own copies alone; policies hold it to these.
GRANT SELECT ON control.freeze_state TO {processes};
GRANT SELECT, INSERT, UPDATE ON control.service_copy TO {processes};
GRANT SELECT, INSERT ON control.ledger_anchor TO wallet_service;

GRANT SELECT ON ALL TABLES IN SCHEMA control TO rubyops_read, rubyops_ops;
GRANT INSERT, UPDATE, DELETE ON control.run_lock, control.journal_head, control.verification,
    control.service_copy TO rubyops_ops;
GRANT INSERT ON control.lock_history TO rubyops_ops;
GRANT USAGE ON SEQUENCE control.fencing_token TO rubyops_ops;
GRANT EXECUTE ON FUNCTION control.raise_freeze(text, text, text, text, text, text, bigint),
    control.lift_freeze(text, text, bigint, text, text, text, text, bigint, bigint),
    control.take_over_freeze(text, text, bigint, text, text, bigint),
    control.note_change(text, text), control.hold_lock(text, bigint) TO rubyops_ops;
