-- The seal of money, checked in the transaction of a write (contract/seal.py).

-- name: seal_hold
-- Raise an error while money is sealed. A new seal waits until this transaction ends.
SELECT wallet.hold_unsealed();

-- name: seal_show_pass
-- Pass a canary token to the triggers of this transaction.
SELECT set_config('wallet.canary_pass', %(token)s::text, true);

-- name: seal_knows_pass
-- Whether a canary token is a valid pass of the run that holds the lock. Brand and player must
-- match, if they are given.
SELECT wallet.knows_pass(%(token)s::text, %(brand_id)s::uuid, %(player_id)s::uuid) AS known;
