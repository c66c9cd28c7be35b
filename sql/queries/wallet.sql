-- name: wallet_read_state
-- Read all data for one money decision in a single query.
SELECT wallet.read_state(%(command)s::jsonb)::text AS state

-- name: wallet_apply_command
-- Write the result of one money decision, or change nothing. Money moves only through this
-- function.
SELECT wallet.apply_command(ROW(
    %(brand_id)s, %(player_id)s, %(caller)s, %(route)s, %(request_id)s, %(fingerprint)s,
    %(transaction_id)s, %(canary_token)s,
    %(fence_token)s,
    %(player_version)s, %(activation_no)s, %(currency)s, %(canary)s,
    %(topology_code)s, %(topology_version)s, %(policy_key)s, %(policy_version)s,
    %(command)s, %(starts_new)s, %(status)s, %(body)s, %(legs)s,
    ROW(%(authorization_id)s, %(provider_id)s, %(provider_type)s, %(bet_id)s, %(round_id)s,
        %(stake)s, %(from_state)s, %(state)s,
        %(funding)s, %(policy_snapshot)s, %(payout)s, %(payout_shares)s)::wallet.bet,
    %(records)s)::wallet.command) AS outcome

-- name: wallet_read_states
-- Read the data for several money decisions, in the order of the given commands.
SELECT wallet.read_state(c.wanted)::text AS state
  FROM jsonb_array_elements(%(commands)s::jsonb) WITH ORDINALITY c (wanted, place) ORDER BY c.place

-- name: wallet_apply_commands
-- Write the results of several money decisions in one transaction. A refused command changes
-- nothing and does not affect the others. The outcomes have the order of the commands.
SELECT wallet.apply_commands(%(commands)s::jsonb) AS outcomes

-- name: wallet_register_player
-- Create the player's wallet row if it is missing, and return the player's currency.
SELECT wallet.register_player(%(brand_id)s::uuid, %(player_id)s::uuid, %(currency)s::text,
                              %(canary)s::boolean) AS currency

-- name: wallet_choose_source
-- Store a player's choice of the source that pays for bets of a provider type. The outcome says if
-- a freeze forbade it.
SELECT wallet.choose_source(%(choice)s::jsonb) AS outcome

-- name: wallet_create_campaign
-- Create a campaign. The outcome says if a freeze forbade it, or if its code is taken.
SELECT wallet.create_campaign(%(campaign)s::jsonb) AS outcome

-- name: wallet_funding_choices
-- A player's chosen source of bets, for each provider type.
SELECT provider_type, source FROM wallet.wallet_funding_choice
 WHERE brand_id = %(brand_id)s::uuid AND player_id = %(player_id)s::uuid

-- name: wallet_player_of_transaction
-- Find the player of a cash transaction, within one brand.
SELECT player_id FROM wallet.ledger_transactions
 WHERE tenant_id = %(brand_id)s::uuid AND transaction_id = %(transaction_id)s::uuid

-- name: wallet_player_of_adjustment
-- Find the player of an adjustment, within one brand.
SELECT player_id FROM wallet.wallet_adjustment
 WHERE brand_id = %(brand_id)s::uuid AND adjustment_id = %(adjustment_id)s::uuid

-- name: wallet_pair
-- The two documents of a pair. Callers may cache them, because documents of active and superseded
-- versions never change.
SELECT t.document AS topology, p.document AS policy
  FROM wallet.wallet_topology t, wallet.wallet_policy p
 WHERE (t.code, t.version) = (%(topology_code)s::text, %(topology_version)s::integer)
   AND (p.policy_key, p.version) = (%(policy_key)s::text, %(policy_version)s::integer)

-- name: wallet_gate
-- The gate row: active pair, activation number and freeze.
SELECT topology_code, topology_version, policy_key, policy_version, activation_no, freeze_level,
       freeze_epoch FROM wallet.wallet_gate

-- name: wallet_topology_version
-- One stored topology version.
SELECT code, version, state, document FROM wallet.wallet_topology
 WHERE code = %(code)s::text AND version = %(version)s::integer

-- name: wallet_topology_versions
-- All versions of one topology code, newest first.
SELECT code, version, state, document, saved_by, saved_at, activated_at
  FROM wallet.wallet_topology WHERE code = %(code)s::text ORDER BY version DESC

-- name: wallet_policy_version
-- One stored policy version.
SELECT policy_key, version, state, topology_code, topology_version, document
  FROM wallet.wallet_policy
 WHERE policy_key = %(policy_key)s::text AND version = %(version)s::integer

-- name: wallet_policy_versions
-- All versions under one policy key, newest first.
SELECT policy_key, version, state, topology_code, topology_version, document, saved_by, saved_at,
       activated_at
  FROM wallet.wallet_policy WHERE policy_key = %(policy_key)s::text ORDER BY version DESC

-- name: wallet_topologies
-- Every saved topology version.
SELECT code, version, state, saved_by, saved_at, activated_at FROM wallet.wallet_topology
 ORDER BY code, version

-- name: wallet_policies
-- Every saved policy version and its topology version.
SELECT policy_key, version, topology_code, topology_version, state, saved_by, saved_at, activated_at
  FROM wallet.wallet_policy ORDER BY policy_key, version

-- name: wallet_activations
-- Activations, newest first.
SELECT activation_no, topology_code, topology_version, policy_key, policy_version,
       from_topology_code, from_topology_version,
       from_policy_version, caller, request_id, activated_at
  FROM wallet.wallet_activation ORDER BY activation_no DESC LIMIT %(limit)s::integer

-- name: wallet_active_policies
-- The active policy of each key.
SELECT policy_key, version, topology_code, topology_version FROM wallet.wallet_policy
 WHERE state = 'ACTIVE' ORDER BY policy_key

-- name: wallet_save_topology
-- Save a draft. Returns no row and changes nothing if the version was ever active (A7-9).
INSERT INTO wallet.wallet_topology AS held (code, version, document, saved_by)
VALUES (%(code)s::text, %(version)s::integer, %(document)s::jsonb, %(saved_by)s::text)
ON CONFLICT (code, version) DO UPDATE SET document = EXCLUDED.document,
    saved_by = EXCLUDED.saved_by, saved_at = now()
 WHERE held.state = 'DRAFT'
RETURNING code, version, state

-- name: wallet_save_policy
-- Save a draft. Returns no row and changes nothing if the version was ever active (A7-9).
INSERT INTO wallet.wallet_policy AS held (policy_key, version, topology_code, topology_version,
                                          document, saved_by)
VALUES (%(policy_key)s::text, %(version)s::integer, %(topology_code)s::text,
        %(topology_version)s::integer, %(document)s::jsonb, %(saved_by)s::text)
ON CONFLICT (policy_key, version) DO UPDATE
   SET document = EXCLUDED.document, topology_code = EXCLUDED.topology_code,
       topology_version = EXCLUDED.topology_version,
       saved_by = EXCLUDED.saved_by, saved_at = now()
 WHERE held.state = 'DRAFT'
RETURNING policy_key, version, state

-- name: wallet_claim_draft
-- Claim a request id for saving a draft. Returns no row if it was claimed before.
INSERT INTO wallet.wallet_draft_request (caller, path, request_id, payload_sha256)
VALUES (%(caller)s::text, %(path)s::text, %(request_id)s::text, %(payload_sha256)s::bytea)
ON CONFLICT DO NOTHING
RETURNING request_id

-- name: wallet_claimed_draft
-- The digest of the document that a request id saved, and the answer.
SELECT payload_sha256, answer FROM wallet.wallet_draft_request
 WHERE caller = %(caller)s::text AND path = %(path)s::text AND request_id = %(request_id)s::text

-- name: wallet_keep_draft_answer
-- Store the answer, so that a repeat of the request gets the same answer.
UPDATE wallet.wallet_draft_request SET answer = %(answer)s::jsonb
 WHERE caller = %(caller)s::text AND path = %(path)s::text AND request_id = %(request_id)s::text

-- name: wallet_live_references
-- The buckets that are in use by money, grants, open stakes or rollings (A7-8).
SELECT topology_code, bucket_type_code, held_by, references_count FROM wallet.live_reference
 ORDER BY 1, 2, 3

-- name: wallet_activation_by_request
-- The activation that an earlier request with this id made.
SELECT activation_no, topology_code, topology_version, policy_key, policy_version,
       from_topology_code, from_topology_version
  FROM wallet.wallet_activation
 WHERE caller = %(caller)s::text AND request_id = %(request_id)s::text

-- name: wallet_keep_topology
-- One stored topology version, locked against changes and activation until this transaction ends.
SELECT code, version, state, document FROM wallet.wallet_topology
 WHERE code = %(code)s::text AND version = %(version)s::integer
   FOR NO KEY UPDATE

-- name: wallet_keep_policy
-- One stored policy version, locked against changes and activation until this transaction ends.
SELECT policy_key, version, state, topology_code, topology_version, document
  FROM wallet.wallet_policy
 WHERE policy_key = %(policy_key)s::text AND version = %(version)s::integer
   FOR NO KEY UPDATE

-- name: wallet_bound_activation
-- Limit how long this transaction can block money commands: by the time of its next statement, and
-- by its idle time before the commit.
SELECT set_config('statement_timeout', %(milliseconds)s::text, true),
       set_config('idle_in_transaction_session_timeout', '2s', true)

-- name: wallet_switch_active
-- Activate a validated pair, and lock the gate row until the commit. Fails unless activation_no is
-- the next number.
SELECT wallet.switch_active(%(activation_no)s::bigint, %(topology_code)s::text,
                            %(topology_version)s::integer, %(policy_key)s::text,
                            %(policy_version)s::integer, %(caller)s::text, %(request_id)s::text,
                            %(fence_token)s::bigint) AS activation_no

-- name: wallet_ensure_partitions
-- Create the ledger's partitions for the coming months.
SELECT wallet.ensure_ledger_partitions(%(months_ahead)s::integer) AS made

-- name: wallet_read_fence
-- The freeze level and epoch of the gate row, and the newest settled epoch.
SELECT freeze_level, freeze_epoch, settled_epoch FROM wallet.wallet_gate;

-- name: wallet_raise_freeze
-- Copy a raised freeze to the gate row. It never lowers the level.
SELECT wallet.raise_freeze(%(level)s::text, %(epoch)s::bigint) AS epoch;

-- name: wallet_settle_freeze
-- Wait until all money commands that began before the freeze have ended, but at most patience_ms.
SELECT wallet.settle_freeze(%(epoch)s::bigint, %(patience_ms)s::integer) AS settled_epoch;
