-- The operators' fence, held in the transaction of an operator's act.

-- name: fence_hold
-- Refuse an overtaken token, and keep a newer one from being raised until this transaction ends.
SELECT wallet.hold_fence(%(token)s::bigint);

-- name: fence_note_change
-- Count a change of what the platform is, and hold the fence where the caller has a token.
SELECT wallet.note_change(%(token)s::bigint) AS change_no;

-- name: fence_hold_briefly
-- The same for an act outside of the database: who stands still in it for long loses the fence, and
-- finds that out at the commit.
SELECT set_config('idle_in_transaction_session_timeout', '10s', true),
       wallet.hold_fence(%(token)s::bigint);

-- name: fence_present
-- The token that the fence stands at.
SELECT fence_token AS token FROM wallet.wallet_gate;
