-- name: topology_move_digest
-- The digest of a mapping document, in the JSON form of the database. A signed data-migration plan
-- names this digest.
SELECT encode(sha256(convert_to(%(document)s::jsonb::text, 'UTF8')), 'hex') AS digest

-- name: topology_move_obstacles
-- The reasons why a move by this document cannot begin.
SELECT obstacle FROM wallet.topology_move_obstacles(%(document)s::jsonb) ORDER BY 1

-- name: topology_move_reach
-- Per bucket and currency: the players, minor units, rollings and bonuses that a move from this
-- topology would take along.
WITH part AS (
    SELECT bucket_type_code AS bucket, currency, brand_id, player_id, balance, 0 AS rolling,
           0 AS bonus FROM wallet.wallet_bucket
     WHERE topology_code = %(code)s::text AND balance <> 0
    UNION ALL
    SELECT bucket_type_code, currency, brand_id, player_id, 0, 1, 0
      FROM wallet.wallet_rolling_obligation
     WHERE topology_code = %(code)s::text AND state = 'ACTIVE' AND bucket_type_code <> ''
    UNION ALL
    SELECT bucket_type_code, currency, brand_id, player_id, 0, 0, 1 FROM wallet.wallet_bonus
     WHERE topology_code = %(code)s::text AND state = 'ISSUED'
)
SELECT bucket, currency, count(DISTINCT (brand_id, player_id)) AS players,
       sum(balance)::bigint AS amount, sum(rolling) AS rollings, sum(bonus) AS bonuses
  FROM part GROUP BY bucket, currency ORDER BY bucket, currency

-- name: topology_move_grants
-- The number of active coupon grants, and of their players, that a move would change.
SELECT count(*) AS grants, count(DISTINCT (brand_id, player_id)) AS players
  FROM wallet.wallet_coupon_grant
 WHERE topology_code = %(code)s::text AND state = 'ACTIVE'

-- name: topology_move_run
-- One run of a move: its document, the person who confirmed it, its progress, and the run that
-- undid it.
SELECT r.run_id, r.undoes, r.from_code, r.from_version, r.to_code, r.to_version, r.document,
       r.digest, r.confirmed_by, r.scanned, r.players, r.legs,
       r.referring, r.finished_at IS NOT NULL AS finished, u.run_id AS undone_by
  FROM wallet.topology_move_run r LEFT JOIN wallet.topology_move_run u ON u.undoes = r.run_id
 WHERE r.run_id = %(run_id)s::text

-- name: topology_move_money
-- The money that a run moved, per pair of buckets and currency.
SELECT from_bucket, to_bucket, currency, count(*) AS players, sum(amount)::bigint AS amount
  FROM wallet.topology_move_leg
 WHERE run_id = %(run_id)s::text GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

-- name: topology_move_conflicts
-- Reasons that forbid the undo of a run, by player. `total` counts all, beyond the limit.
SELECT brand_id::text, player_id::text, subject, reason, count(*) OVER () AS total
  FROM wallet.topology_move_conflict
 WHERE run_id = %(run_id)s::text ORDER BY brand_id, player_id, subject LIMIT %(limit)s

-- name: topology_move_pending
-- The newest move, if money must stay frozen because of it. Either the move is unfinished, or the
-- topology that now holds the money is not active.
SELECT r.run_id, r.finished_at IS NOT NULL AS finished, CASE WHEN r.undoes IS NULL THEN r.to_code
    ELSE r.from_code END AS home, g.topology_code AS active
  FROM (SELECT * FROM wallet.topology_move_run ORDER BY started_at DESC LIMIT 1) r,
      wallet.wallet_gate g
 WHERE r.finished_at IS NULL
    OR CASE WHEN g.topology_code IS DISTINCT FROM CASE WHEN r.undoes IS NULL THEN r.to_code
                                                       ELSE r.from_code END
            THEN EXISTS (SELECT FROM wallet.live_reference l
                          WHERE l.topology_code IS DISTINCT FROM g.topology_code) END

-- name: topology_move_batch
-- Process the next batch of a run. The run proves its lock by the fencing token.
SELECT wallet.topology_move_batch(%(run_id)s::text, %(token)s::bigint, %(by)s::text,
                                  %(document)s::jsonb, %(digest)s::text, %(undoes)s::text,
                                  %(limit)s::integer) AS finished
