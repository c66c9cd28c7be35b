-- Who owns and who may call what. No role that can log in may write a table of money.
DO $$
DECLARE
    item record;
BEGIN
    ALTER SCHEMA wallet OWNER TO wallet_owner;
    FOR item IN SELECT c.oid::regclass AS name, c.relkind FROM pg_class c
                 WHERE c.relnamespace = 'wallet'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'c') LOOP
        EXECUTE format('ALTER %s %s OWNER TO wallet_owner', CASE item.relkind WHEN 'v' THEN 'VIEW' WHEN 'c' THEN 'TYPE' ELSE 'TABLE' END, item.name);
    END LOOP;
    FOR item IN SELECT p.oid::regprocedure AS name FROM pg_proc p WHERE p.pronamespace = 'wallet'::regnamespace LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO wallet_owner', item.name);
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', item.name);
    END LOOP;
END $$;
GRANT USAGE ON SCHEMA wallet TO wallet_service, wallet_worker, rubyops_read, rubyops_ops;
GRANT SELECT ON ALL TABLES IN SCHEMA wallet TO wallet_service, rubyops_read, rubyops_ops;
GRANT EXECUTE ON FUNCTION wallet.ledger_hash(bytea, uuid, uuid, text, bigint, bigint, bigint, text, text, text, uuid, text, integer, text, integer,
                                             bigint, timestamptz) TO wallet_service, rubyops_read, rubyops_ops;
GRANT EXECUTE ON FUNCTION wallet.read_state(jsonb), wallet.apply_command(wallet.command), wallet.apply_commands(jsonb), wallet.choose_source(jsonb), wallet.create_campaign(jsonb),
    wallet.register_player(uuid, uuid, text, boolean), 
    wallet.switch_active(bigint, text, integer, text, integer, text, text, bigint),
    wallet.ensure_ledger_partitions(integer) TO wallet_service;
-- Drafts only: the states of documents are moved by switch_active.
GRANT INSERT (code, version, document, saved_by), UPDATE (document, saved_by, saved_at) ON wallet.wallet_topology TO wallet_service;
GRANT INSERT (policy_key, version, topology_code, topology_version, document, saved_by),
    UPDATE (topology_code, topology_version, document, saved_by, saved_at) ON wallet.wallet_policy TO wallet_service;
GRANT INSERT (caller, path, request_id, payload_sha256), UPDATE (answer) ON wallet.wallet_draft_request TO wallet_service;
GRANT INSERT ON wallet.wallet_reconciliation TO wallet_service;
GRANT UPDATE ON wallet.wallet_reconciliation_turn TO wallet_service;
GRANT UPDATE (verified_at) ON wallet.wallet_ledger_seal TO wallet_service;
GRANT EXECUTE ON FUNCTION wallet.walk_ledger(text, integer), wallet.fold_counters(), wallet.seal_month(text) TO wallet_service;
GRANT EXECUTE ON FUNCTION wallet.compare_accounts(text), wallet.explain_drift(uuid, uuid, text, bigint, bigint, bytea), wallet.month_digest(text),
    wallet.compare_records(text, text), wallet.comparisons(), wallet.compare_sealed(text), wallet.compare_bets(text), wallet.compare_entries(text), wallet.compare_payments(text),
    wallet.compare_requests(text), wallet.compare_bet_events(text), wallet.compare_rules(text), wallet.compare_turnover(text), wallet.owing_account(wallet.wallet_rolling_obligation), wallet.compare_rollings(text), wallet.compared_times(text), wallet.recent_time(), wallet.as_uuid(text), wallet.sealed_kinds(),
    wallet.record_seal_hash(bytea, text, jsonb, integer, uuid, uuid, jsonb, timestamptz),
    wallet.opening_seal(uuid, uuid, uuid, text, text, text, text, text, bigint, jsonb, jsonb, text, integer, text, integer, uuid, boolean, timestamptz),
    wallet.closing_seal(bytea, text, bigint, jsonb, uuid, uuid, timestamptz), wallet.counts_as_turnover(jsonb, bigint, bigint),
    wallet.entry_seal(uuid, uuid, uuid, text, text, bigint, text, text, bigint, timestamptz),
    wallet.rotation_slice(), wallet.in_slice(uuid, uuid, uuid, uuid, uuid, uuid), wallet.position(xid8), wallet.link(bigint, bigint, bytea, bigint) TO wallet_service, rubyops_read, rubyops_ops;
GRANT SELECT, UPDATE (published_at, attempts, publication_no, entry_id, resends) ON wallet.wallet_outbox
    TO wallet_worker;
GRANT SELECT, UPDATE ON wallet.wallet_outbox_partition TO wallet_worker;
GRANT EXECUTE ON FUNCTION wallet.prune_outbox(interval, integer), wallet.prune_idempotency(interval, integer) TO wallet_worker;
GRANT EXECUTE ON FUNCTION wallet.hold_unsealed() TO wallet_worker, rubyops_ops;
GRANT EXECUTE ON FUNCTION wallet.raise_freeze(text, bigint), wallet.settle_freeze(bigint, integer)
    TO wallet_service, rubyops_ops;
GRANT EXECUTE ON FUNCTION wallet.advance_fence(bigint), wallet.lower_freeze(bigint, text, bigint, bigint),
    wallet.issue_canary_pass(bytea, text, bigint, uuid, uuid, timestamptz), wallet.count_unpublished(integer),
    wallet.publish_canary(text, bigint, uuid, uuid) TO rubyops_ops;
-- The roles that carry out an operator's acts; revisions 0003 and 0004 let the other services in.
GRANT EXECUTE ON FUNCTION wallet.hold_fence(bigint), wallet.note_change(bigint)
    TO rubyops_ops, wallet_service;
