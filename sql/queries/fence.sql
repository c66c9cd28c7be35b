-- The fence, held in the transaction of an operator's act.

-- name: fence_hold
-- Refuse an old fencing token. Until this transaction ends, no newer token can be set.
SELECT wallet.hold_fence(%(token)s::bigint);

-- name: fence_note_change
-- Count one change of the platform. If the caller has a token, hold the fence, too.
SELECT wallet.note_change(%(token)s::bigint) AS change_no;

-- name: fence_hold_briefly
-- Hold the fence during an act outside of the database. After 10 idle seconds PostgreSQL ends the
-- session and frees the fence. The caller then gets an error at the commit.
SELECT set_config('idle_in_transaction_session_timeout', '10s', true),
       wallet.hold_fence(%(token)s::bigint);

-- name: fence_present
-- The newest fencing token.
SELECT fence_token AS token FROM wallet.wallet_gate;
