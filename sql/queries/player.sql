-- name: player_create
-- Create a player. A repeat inserts nothing; the caller then reads the row with `player_read`.
INSERT INTO player.player (tenant_id, player_id, currency, balance_real_available,
                           balance_real_held, canary)
VALUES (%(brand_id)s, %(player_id)s, %(currency)s, 0, 0, %(canary)s)
ON CONFLICT (tenant_id, player_id) DO NOTHING;

-- name: player_read
-- One player of one brand.
SELECT player_id, currency, status, canary FROM player.player
 WHERE tenant_id = %(brand_id)s AND player_id = %(player_id)s;
