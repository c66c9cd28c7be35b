-- Facts about the platform for checks and commands. These queries only read.

-- name: facts_freeze
-- The freeze level that `control` wants, its epoch, and who changed it last.
SELECT level, epoch, reason, changed_by, run_id, changed_at FROM control.freeze_state;

-- name: facts_freeze_layers
-- Each freeze layer with its owner, level, reason and age, the strictest first.
SELECT run_id, owner, level, reason, set_by, set_at, taken_over_by,
       extract(epoch FROM clock_timestamp() - set_at)::bigint AS age_seconds
  FROM control.freeze_layer ORDER BY level DESC, set_at;

-- name: facts_platform_change
-- The number of changes of the platform, and the last change.
SELECT change_no, what, changed_by, changed_at FROM control.platform_change;

-- name: facts_service_copies
-- Every registered copy, the freeze epoch that it acknowledged, and the age of its heartbeat.
-- `ended` means that the copy announced its end. `code` is the digest of the code that it loaded.
SELECT process, copy, url, version, pid, started_at, acknowledged_epoch, ready,
       detail ? 'ended' AS ended, detail->>'code' AS code,
       greatest(0, extract(epoch FROM clock_timestamp() - heartbeat_at) * 1000)::bigint
           AS heartbeat_age_ms
  FROM control.service_copy ORDER BY process, copy;

-- name: facts_copies_code
-- The digest of the code that each registered copy has loaded, and the age of its heartbeat. It
-- includes copies that the driver does not know.
SELECT process, copy, detail->>'code' AS code,
       greatest(0, extract(epoch FROM clock_timestamp()
                           - heartbeat_at) * 1000)::bigint AS heartbeat_age_ms
  FROM control.service_copy ORDER BY process, copy;

-- name: facts_verifications
-- Parts of verifications, newest first, with their age in seconds. A part whose passed_at is NULL
-- failed or did not end.
SELECT kind, run_id, state, begun_at, passed_at,
       extract(epoch FROM clock_timestamp() - begun_at)::bigint AS age_seconds
  FROM control.verification ORDER BY begun_at DESC LIMIT %(limit)s::integer;

-- name: facts_has_revision_table
-- Whether this database has the two tables in which migrations keep their state, and whether it has
-- one of the product's schemas.
SELECT to_regclass('public.alembic_version') IS NOT NULL AS present,
       to_regclass('public.applied_definitions') IS NOT NULL AS definitions,
       to_regnamespace('wallet') IS NOT NULL OR to_regnamespace('control') IS NOT NULL AS schema;

-- name: facts_revision
-- The schema revision of the database.
SELECT version_num FROM public.alembic_version;

-- name: facts_definitions
-- The digest of the applied files for each kind of definition.
SELECT kind, digest FROM public.applied_definitions ORDER BY kind;

-- name: facts_gate
-- The gate row: the active pair, the freeze and the fencing token.
SELECT topology_code, topology_version, policy_key, policy_version, activation_no, freeze_level,
       freeze_epoch, settled_epoch, fence_token, restore_epoch
  FROM wallet.wallet_gate;

-- name: facts_fence
-- The number of changes of the platform. It is read apart from the gate row, so that a lock on
-- wallet_fence does not block a reader of the gate row.
SELECT change_no FROM wallet.wallet_fence;

-- name: facts_lock_holders
-- Sessions that hold a lock on these tables in a mode that is not harmless, and sessions for which
-- they wait in turn. Sessions that wait for no other session come first.
WITH RECURSIVE wanted AS (
    SELECT c.oid FROM pg_class c
     WHERE c.relnamespace = 'wallet'::regnamespace AND c.relname = ANY (%(tables)s::text[])
), holder AS (
    SELECT DISTINCT l.pid FROM pg_locks l JOIN wanted w ON w.oid = l.relation
     WHERE l.granted AND l.pid IS NOT NULL AND l.pid <> pg_backend_pid()
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
       AND l.mode <> ALL (%(harmless)s::text[])
    UNION
    SELECT unnest(pg_blocking_pids(h.pid)) FROM holder h
)
SELECT a.pid, coalesce(nullif(a.application_name, ''), '(no name)') AS application,
       a.usename AS role,
       a.state, left(regexp_replace(a.query, '\s+', ' ', 'g'), 160) AS query, a.backend_start,
       extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS age_seconds,
       cardinality(pg_blocking_pids(a.pid)) = 0 AS is_cause
  FROM holder h JOIN pg_stat_activity a ON a.pid = h.pid
 WHERE a.xact_start < clock_timestamp() - make_interval(secs => %(older_seconds)s::double precision)
 ORDER BY is_cause DESC, a.xact_start LIMIT 5;

-- name: facts_prepared_holders
-- Prepared transactions that hold a lock on these tables. They outlive their sessions.
SELECT p.gid, p.owner, extract(epoch FROM clock_timestamp() - p.prepared)::bigint AS age_seconds
  FROM pg_prepared_xacts p
 WHERE p.database = current_database()
   AND EXISTS (SELECT FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                WHERE c.relnamespace = 'wallet'::regnamespace
                  AND c.relname = ANY (%(tables)s::text[])
                  AND l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction::text);

-- name: facts_topologies
-- Every saved topology version and its state.
SELECT code, version, state FROM wallet.wallet_topology ORDER BY code, version;

-- name: facts_policies
-- Every saved policy version, its topology version, and its state.
SELECT policy_key, version, topology_code, topology_version, state FROM wallet.wallet_policy
 ORDER BY policy_key, version;

-- name: facts_active_policies
-- The active policies.
SELECT policy_key, version, topology_code, topology_version FROM wallet.wallet_policy
 WHERE state = 'ACTIVE' ORDER BY policy_key;

-- name: facts_activations
-- The history of activations, oldest first.
SELECT activation_no, topology_code, topology_version, policy_key, policy_version,
       from_topology_code, from_topology_version,
       from_policy_version, caller, activated_at
  FROM wallet.wallet_activation ORDER BY activation_no;

-- name: facts_open_bets
-- Accepted bets that are neither settled nor rolled back, optionally of one topology version.
-- `total` counts all of them, beyond the limit.
SELECT authorization_id::text, brand_id::text, player_id::text, provider_id, bet_id, round_id,
       currency, stake, topology_code, topology_version,
       created_at, count(*) OVER () AS total
  FROM wallet.wallet_bet_authorization
 WHERE state = 'AUTHORIZED'
   AND (%(code)s::text IS NULL
        OR (topology_code = %(code)s::text AND topology_version = %(version)s::integer))
 ORDER BY created_at, authorization_id LIMIT %(limit)s;

-- name: facts_bet
-- One bet by its authorization id.
SELECT authorization_id::text, brand_id::text, player_id::text, provider_id, provider_type, bet_id,
       round_id, currency, stake, payout, state, funding,
       topology_code, topology_version
  FROM wallet.wallet_bet_authorization WHERE authorization_id::text = %(authorization_id)s;

-- name: facts_money_in_reach
-- The number of players who hold money, and their total in minor units, per currency.
SELECT currency, count(DISTINCT (brand_id, player_id)) AS players, sum(balance) AS amount
  FROM wallet.wallet_account WHERE balance <> 0 GROUP BY currency ORDER BY currency;

-- name: facts_outbox
-- Unpublished events of both outboxes and the age of the oldest. Published events that a consumer
-- has neither applied nor set aside, once for each consumer that lacks them. How many published
-- events the stream has lost, and the age of that comparison. Dead letters of all consumers.
WITH since AS MATERIALIZED (
    SELECT o.event_id, o.brand_id, o.player_id, o.event_no
      FROM wallet.wallet_outbox_partition p
      JOIN wallet.wallet_outbox o ON o.partition_no = p.partition_no
                                 AND o.publication_no > p.applied_no
), given AS (
    SELECT array_agg(event_id) AS event_ids, array_agg(brand_id) AS brand_ids,
           array_agg(player_id) AS player_ids, array_agg(event_no) AS event_nos
      FROM since
), consumer AS (
    -- each consumer
    SELECT (SELECT count(*) FROM given g,
                   {consumer}.unapplied(g.event_ids, g.brand_ids, g.player_ids,
                                        g.event_nos)) AS unapplied,
           (SELECT count(*) FROM {consumer}.{consumer}_dead_letter
             WHERE resolved_at IS NULL) AS set_aside
    -- union all
), compared AS (
    SELECT sum(missing)::bigint AS missing,
           CASE WHEN bool_and(compared_at IS NOT NULL) THEN min(compared_at) END AS at
      FROM wallet.wallet_outbox_partition
)
SELECT (SELECT sum(unapplied)::bigint FROM consumer) AS unapplied,
       (SELECT missing FROM compared) AS missing,
       (SELECT (extract(epoch FROM clock_timestamp() - at) * 1000)::bigint
          FROM compared) AS compared_age_ms,
       (SELECT count(*) FROM wallet.wallet_outbox WHERE published_at IS NULL) AS wallet_unpublished,
       (SELECT count(*) FROM rolling.rolling_outbox
         WHERE published_at IS NULL) AS rolling_unpublished,
       (SELECT sum(set_aside)::bigint FROM consumer) AS set_aside,
       greatest(0, extract(epoch FROM clock_timestamp() - least(
           (SELECT min(occurred_at) FROM wallet.wallet_outbox WHERE published_at IS NULL),
           (SELECT min(occurred_at) FROM rolling.rolling_outbox
             WHERE published_at IS NULL))) * 1000)::bigint AS oldest_age_ms;

-- name: facts_missing_guards
-- Immutable tables and ledger partitions without a trigger that refuses UPDATE, DELETE or TRUNCATE.
-- The trigger must fire always, also in replica mode.
WITH guarded AS (
    SELECT c.oid, c.relkind FROM pg_class c
     WHERE c.oid IN ('wallet.wallet_ledger'::regclass, 'wallet.wallet_counter_entry'::regclass,
                     'wallet.wallet_lock'::regclass,
                     'wallet.wallet_record_seal'::regclass)
        OR c.oid IN (SELECT inhrelid FROM pg_inherits
                      WHERE inhparent = 'wallet.wallet_ledger'::regclass)
), needed AS (
    SELECT g.oid, action.name, action.bit FROM guarded g
      CROSS JOIN (VALUES ('UPDATE', 16), ('DELETE', 8), ('TRUNCATE', 32)) AS action(name, bit)
     WHERE g.relkind = 'r' OR action.name = 'TRUNCATE'
)
SELECT n.oid::regclass::text AS object, n.name AS action, count(*) OVER () AS total FROM needed n
 WHERE NOT EXISTS (SELECT FROM pg_trigger t
                    WHERE t.tgrelid = n.oid AND t.tgfoid = 'wallet.refuse_change'::regproc
                      AND t.tgenabled = 'A' AND t.tgqual IS NULL
                      AND (t.tgtype & n.bit) <> 0 AND (t.tgtype & 2) <> 0)
 ORDER BY 1, 2 LIMIT %(limit)s;

-- name: facts_legacy_players
-- The number of players who are no canaries, and the number of their tenants.
SELECT count(*) AS players, count(DISTINCT tenant_id) AS tenants FROM player.player
 WHERE NOT canary;

-- name: facts_first_rolling
-- The oldest rolling of one player's bucket: its turnover, the required turnover, whether this is
-- reached, and whether the wallet has released the money.
SELECT r.turnover, r.target_turnover, r.turnover >= r.target_turnover AS is_full,
       o.state IS NOT DISTINCT FROM 'COMPLETED' AS is_released
  FROM rolling.player_rolling r
  LEFT JOIN wallet.wallet_rolling_obligation o ON o.rolling_id = r.rolling_id
 WHERE r.brand_id = %(brand_id)s::uuid AND r.player_id = %(player_id)s::uuid
   AND r.topology_code = %(topology_code)s AND r.bucket_type_code = %(bucket_type_code)s
 ORDER BY r.created_at, r.rolling_id LIMIT 1;

-- name: facts_completion_ratio
-- The share of a required turnover that a brand demands, in hundredths of a percent.
SELECT coalesce((SELECT completion_ratio_bps FROM rolling.brand_config
                  WHERE brand_id = %(brand_id)s::uuid), 10000) AS completion_ratio_bps;

-- name: facts_bet_legs
-- The sum that a bet's acceptance and its close moved on each of the player's accounts.
SELECT CASE WHEN l.transaction_id = a.authorize_transaction_id THEN 'authorize'
            ELSE 'close' END AS which, l.account, sum(l.delta)::bigint AS delta
  FROM wallet.wallet_bet_authorization a
  JOIN wallet.wallet_ledger l ON (l.brand_id, l.player_id) = (a.brand_id, a.player_id)
                             AND l.created_at >= a.created_at
                             AND l.transaction_id IN (a.authorize_transaction_id,
                                                      a.close_transaction_id)
 WHERE a.authorization_id::text = %(authorization_id)s GROUP BY 1, 2 ORDER BY 1, 2;

-- name: facts_active_documents
-- The documents of the active pair.
SELECT t.document AS topology, p.document AS policy
  FROM wallet.wallet_gate g
  JOIN wallet.wallet_topology t ON (t.code, t.version) = (g.topology_code, g.topology_version)
  JOIN wallet.wallet_policy p ON (p.policy_key, p.version) = (g.policy_key, g.policy_version);
