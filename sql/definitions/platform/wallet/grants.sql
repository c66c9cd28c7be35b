-- Owners of the wallet's objects, and rights of the roles. No role that can log in may write a
-- table of money.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT format('%s %s', CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'c' THEN 'TYPE'
                                                      ELSE 'TABLE' END, c.oid::regclass) AS name
                  FROM pg_class c
                 WHERE c.relnamespace = 'wallet'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'c')
                   AND c.relowner <> 'wallet_owner'::regrole
                UNION ALL
                SELECT format('FUNCTION %s', p.oid::regprocedure) FROM pg_proc p
                 WHERE p.pronamespace = 'wallet'::regnamespace
                   AND p.proowner <> 'wallet_owner'::regrole LOOP
        EXECUTE format('ALTER %s OWNER TO wallet_owner', item.name);
    END LOOP;
    ALTER SCHEMA wallet OWNER TO wallet_owner;
END $$;

GRANT USAGE ON SCHEMA wallet TO wallet_service, wallet_worker, rubyops_read, rubyops_ops,
    player_service, gateway, admin_service;
GRANT SELECT ON ALL TABLES IN SCHEMA wallet TO wallet_service, rubyops_read, rubyops_ops;
-- wallet_service may not read the records of operators' acts.
REVOKE SELECT ON wallet.backfill_run, wallet.backfill_error, wallet.backfill_candidate,
    wallet.topology_move_run, wallet.topology_move_leg, wallet.topology_move_reference,
    wallet.topology_move_conflict FROM wallet_service;

-- wallet_service: money, only through functions.
GRANT EXECUTE ON FUNCTION wallet.read_state(jsonb), wallet.apply_command(wallet.command),
    wallet.apply_commands(jsonb), wallet.choose_source(jsonb), wallet.create_campaign(jsonb),
    wallet.register_player(uuid, uuid, text, boolean),
    wallet.switch_active(bigint, text, integer, text, integer, text, text, bigint),
    wallet.ensure_ledger_partitions(integer) TO wallet_service;
-- wallet_service may write drafts. Only switch_active changes the state of a document.
GRANT INSERT (code, version, document, saved_by), UPDATE (document, saved_by, saved_at)
    ON wallet.wallet_topology TO wallet_service;
GRANT INSERT (policy_key, version, topology_code, topology_version, document, saved_by),
    UPDATE (topology_code, topology_version, document, saved_by, saved_at)
    ON wallet.wallet_policy TO wallet_service;
GRANT INSERT (caller, path, request_id, payload_sha256), UPDATE (answer)
    ON wallet.wallet_draft_request TO wallet_service;

-- wallet_service: reconciliation.
GRANT INSERT ON wallet.wallet_reconciliation TO wallet_service;
GRANT UPDATE ON wallet.wallet_reconciliation_turn TO wallet_service;
GRANT UPDATE (verified_at) ON wallet.wallet_ledger_seal TO wallet_service;
GRANT EXECUTE ON FUNCTION wallet.walk_ledger(text, integer), wallet.fold_counters(),
    wallet.seal_month(text) TO wallet_service;
-- Roles that may read the tables may also run the comparisons.
GRANT EXECUTE ON FUNCTION wallet.compare_accounts(text), wallet.month_digest(text),
    wallet.explain_drift(uuid, uuid, text, bigint, bigint, bytea),
    wallet.compare_records(text, text), wallet.comparisons(), wallet.compare_sealed(text),
    wallet.compare_bets(text), wallet.compare_entries(text), wallet.compare_payments(text),
    wallet.compare_requests(text), wallet.compare_bet_events(text), wallet.compare_rules(text),
    wallet.compare_turnover(text), wallet.owing_account(wallet.wallet_rolling_obligation),
    wallet.compare_rollings(text), wallet.compared_times(text), wallet.recent_time(),
    wallet.as_uuid(text), wallet.sealed_kinds(),
    wallet.record_seal_hash(bytea, text, jsonb, integer, uuid, uuid, jsonb, timestamptz),
    wallet.ledger_hash(bytea, uuid, uuid, text, bigint, bigint, bigint, text, text, text, uuid,
                       text, integer, text, integer, bigint, timestamptz),
    wallet.opening_seal(uuid, uuid, uuid, text, text, text, text, text, bigint, jsonb, jsonb, text,
                        integer, text, integer, uuid, boolean, timestamptz),
    wallet.closing_seal(bytea, text, bigint, jsonb, uuid, uuid, timestamptz),
    wallet.counts_as_turnover(jsonb, bigint, bigint),
    wallet.entry_seal(uuid, uuid, uuid, text, text, bigint, text, text, bigint, timestamptz),
    wallet.rotation_slice(), wallet.in_slice(uuid, uuid, uuid, uuid, uuid, uuid),
    wallet.position(xid8), wallet.link(bigint, bigint, bytea, bigint)
    TO wallet_service, rubyops_read, rubyops_ops;

-- wallet_worker: events and retention.
GRANT SELECT, UPDATE (published_at, attempts, publication_no, entry_id, resends)
    ON wallet.wallet_outbox TO wallet_worker;
GRANT SELECT, UPDATE ON wallet.wallet_outbox_partition TO wallet_worker;
GRANT EXECUTE ON FUNCTION wallet.prune_outbox(interval, integer),
    wallet.prune_idempotency(interval, integer) TO wallet_worker;

-- Operators, and services that carry out an operator's act under the fence.
GRANT EXECUTE ON FUNCTION wallet.hold_fence(bigint), wallet.note_change(bigint)
    TO rubyops_ops, wallet_service;
GRANT EXECUTE ON FUNCTION wallet.hold_fence(bigint) TO player_service;
GRANT EXECUTE ON FUNCTION wallet.raise_freeze(text, bigint), wallet.settle_freeze(bigint, integer)
    TO wallet_service, rubyops_ops;
GRANT EXECUTE ON FUNCTION wallet.advance_fence(bigint),
    wallet.lower_freeze(bigint, text, bigint, bigint),
    wallet.issue_canary_pass(bytea, text, bigint, uuid, uuid, timestamptz),
    wallet.count_unpublished(integer), wallet.publish_canary(text, bigint, uuid, uuid),
    wallet.backfill_batch(text, bigint, uuid, integer),
    wallet.topology_move_batch(text, bigint, text, jsonb, text, text, integer) TO rubyops_ops;
GRANT EXECUTE ON FUNCTION wallet.topology_move_obstacles(jsonb) TO rubyops_read, rubyops_ops;

-- Loops of wallet_worker and an operator's seed of players call hold_unsealed to stop under a seal.
GRANT EXECUTE ON FUNCTION wallet.hold_unsealed() TO wallet_worker, rubyops_ops;
-- gateway and admin_service receive canary tokens from clients, and refuse invalid ones.
GRANT EXECUTE ON FUNCTION wallet.knows_pass(text, uuid, uuid) TO gateway, admin_service;
