-- The seal, held in the transaction of a write (contract/seal.py).

-- name: seal_hold
-- Refuse to go on while money is sealed, and keep a seal from being settled until this transaction
-- ends.
SELECT wallet.hold_unsealed();

-- name: seal_show_pass
-- Show a canary's pass to the triggers of this transaction.
SELECT set_config('wallet.canary_pass', %(token)s::text, true);

-- name: seal_knows_pass
-- Whether a canary token is a pass of the run in charge: for this brand and player, or any where
-- none is named.
SELECT wallet.knows_pass(%(token)s::text, %(brand_id)s::uuid, %(player_id)s::uuid) AS known;
