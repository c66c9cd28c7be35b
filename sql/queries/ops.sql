-- Statements of the operators' role on the platform's database, and queries about one bet or
-- player.

-- name: ops_has_money
-- Whether the wallet's tables exist.
SELECT to_regclass('wallet.wallet_gate') IS NOT NULL AS ready;

-- name: ops_transaction_wrote
-- Whether the present transaction wrote anything. PostgreSQL assigns an id only to a transaction
-- that writes.
SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS wrote;

-- name: ops_advance_fence
-- Copy a run's fencing token to the gate row.
SELECT wallet.advance_fence(%(token)s::bigint) AS token;

-- name: ops_raise_freeze
-- Copy a raised freeze to the gate row. It never lowers the level.
SELECT wallet.raise_freeze(%(level)s::text, %(epoch)s::bigint) AS epoch;

-- name: ops_settle_freeze
-- Wait until all money commands that began before the freeze have ended, but at most patience_ms.
SELECT wallet.settle_freeze(%(epoch)s::bigint, %(patience_ms)s::integer) AS settled_epoch;

-- name: ops_lower_freeze
-- Copy a lowered freeze to the gate row. The token must be the newest, and the platform must be
-- unchanged since change_no.
SELECT wallet.lower_freeze(%(token)s::bigint, %(level)s::text, %(epoch)s::bigint,
                           %(change_no)s::bigint) AS epoch;

-- name: ops_end_session
-- End one session of the database. The start time guards against a pid that was reused.
SELECT pg_terminate_backend(a.pid) AS ended FROM pg_stat_activity a
 WHERE a.pid = %(pid)s::integer AND a.backend_start = %(started)s::timestamptz
   AND a.datname = current_database();

-- name: ops_issue_canary_pass
-- Issue a canary pass, which lets the calls of one player through the freeze for some seconds.
SELECT wallet.issue_canary_pass(%(token_hash)s::bytea, %(run_id)s::text, %(token)s::bigint,
                                %(brand_id)s::uuid, %(player_id)s::uuid,
                                clock_timestamp() + make_interval(
                                    secs => %(seconds)s::double precision));

-- name: ops_count_unpublished
-- Count unpublished events under a table lock, so that no open transaction can hold more events.
SELECT wallet.count_unpublished(%(lock_timeout_ms)s::integer) AS unpublished;

-- name: ops_publish_canary
-- Write the canary event of this effect. A repeat returns the same event.
SELECT wallet.publish_canary(%(effect_id)s::text, %(token)s::bigint, %(brand_id)s::uuid,
                             %(player_id)s::uuid)::text AS event_id;

-- name: ops_canary_arrived
-- Whether every consumer has claimed the canary event.
SELECT bool_and(claimed) AS arrived FROM (
    -- each consumer
    SELECT EXISTS (SELECT FROM {consumer}.{consumer}_inbox
                    WHERE event_id = %(event_id)s::uuid) AS claimed
    -- union all
) AS consumer;

-- name: ops_seed_players
-- Create legacy players if none exist. The statement first checks the fencing token and refuses to
-- go on under a seal.
SELECT player.seed_legacy_players(%(count)s::integer) AS created
  FROM wallet.note_change(%(token)s::bigint) AS noted, wallet.hold_unsealed() AS held;

-- name: ops_export_table
-- Export a whole table as CSV. The caller replaces {table} by a quoted identifier.
COPY (SELECT * FROM {table}) TO STDOUT (FORMAT csv, HEADER);

-- name: ops_trace_subject
-- Find the bet or the player with this id. A bet is found by its authorization id or bet id.
SELECT 'bet' AS kind, authorization_id::text AS id, brand_id::text, player_id::text
  FROM wallet.wallet_bet_authorization WHERE authorization_id::text = %(id)s OR bet_id = %(id)s
UNION ALL
SELECT 'player', player_id::text, brand_id::text, player_id::text FROM wallet.wallet_player
 WHERE player_id::text = %(id)s
 LIMIT 2;

-- name: ops_trace_bet
-- One bet with its stake, state, funding, and the pair under which it was accepted.
SELECT authorization_id::text, bet_id, round_id, provider_id, state, stake, payout, currency,
       funding, topology_code, topology_version,
       policy_key, policy_version, created_at, closed_at
  FROM wallet.wallet_bet_authorization WHERE authorization_id::text = %(id)s;

-- name: ops_trace_accounts
-- Every account of a player with its balance and version.
SELECT account, currency, balance, version FROM wallet.wallet_account
 WHERE brand_id = %(brand_id)s::uuid AND player_id = %(player_id)s::uuid ORDER BY account;

-- name: ops_trace_ledger
-- A player's newest ledger rows in order of time, or only the rows of one bet and its further wins.
SELECT * FROM (
    SELECT l.created_at, l.command, l.account, l.version, l.delta, l.balance_after, l.currency,
           l.request_id, l.transaction_id::text
      FROM wallet.wallet_ledger l
     WHERE l.brand_id = %(brand_id)s::uuid AND l.player_id = %(player_id)s::uuid
       AND (%(authorization_id)s::text IS NULL OR l.transaction_id IN (
            SELECT unnest(ARRAY[a.authorize_transaction_id, a.close_transaction_id])
              FROM wallet.wallet_bet_authorization a
             WHERE a.authorization_id::text = %(authorization_id)s::text
            UNION ALL SELECT unnest(ARRAY[w.win_id, r.transaction_id])
              FROM wallet.wallet_win w LEFT JOIN wallet.wallet_win_reversal r ON r.win_id = w.win_id
             WHERE w.authorization_id::text = %(authorization_id)s::text))
     ORDER BY l.created_at DESC, l.version DESC LIMIT %(limit)s::integer) AS newest
 ORDER BY created_at, version;

-- name: ops_trace_wins
-- A player's further wins, or only the further wins on one bet, with the time of their reversal.
SELECT w.win_id::text, w.provider_id, w.provider_transaction_id, w.campaign_code, w.bet_id,
       w.amount, w.currency, w.shares, w.created_at,
       r.created_at AS reversed_at
  FROM wallet.wallet_win w LEFT JOIN wallet.wallet_win_reversal r ON r.win_id = w.win_id
 WHERE w.brand_id = %(brand_id)s::uuid AND w.player_id = %(player_id)s::uuid
   AND (%(authorization_id)s::text IS NULL OR w.authorization_id::text = %(authorization_id)s::text)
 ORDER BY w.created_at DESC, w.win_id LIMIT %(limit)s::integer;

-- name: ops_trace_rollings
-- A player's rollings with required turnover, turnover so far and state.
SELECT rolling_id::text, bucket_type_code, currency, amount, target_turnover, turnover, state,
       reason, created_at, closed_at
  FROM rolling.player_rolling
 WHERE brand_id = %(brand_id)s::uuid AND player_id = %(player_id)s::uuid ORDER BY created_at;

-- name: ops_trace_events
-- A player's newest events and the time at which each was published.
SELECT event_id::text, event_type, player_version, occurred_at, published_at, attempts
  FROM wallet.wallet_outbox
 WHERE brand_id = %(brand_id)s::uuid AND player_id = %(player_id)s::uuid ORDER BY outbox_id DESC
 LIMIT %(limit)s::integer;
