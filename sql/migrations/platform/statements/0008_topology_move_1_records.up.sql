-- Everything that players hold in the buckets of one topology moves to those of another, in batches; and back from its own records.

-- A run and how far it is. An undo has the codes of the run that it undoes.
CREATE TABLE wallet.topology_move_run (
    run_id       text PRIMARY KEY,
    undoes       text UNIQUE REFERENCES wallet.topology_move_run,
    from_code    text NOT NULL,
    from_version integer NOT NULL,
    to_code      text NOT NULL,
    to_version   integer NOT NULL,
    buckets      jsonb NOT NULL,
    document     jsonb NOT NULL,
    -- sha256 over the document as jsonb writes it: what the signed data-migration plan names, and a person confirmed.
    digest       text NOT NULL,
    confirmed_by text NOT NULL,
    upper_brand  uuid,
    upper_player uuid,
    last_brand   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    last_player  uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    scanned      bigint NOT NULL DEFAULT 0,
    players      bigint NOT NULL DEFAULT 0,
    legs         bigint NOT NULL DEFAULT 0,
    referring    bigint NOT NULL DEFAULT 0,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz,
    CHECK (from_code <> to_code)
);

-- What was moved, and the versions that the two accounts had right after it: while they still have them, nothing happened since.
CREATE TABLE wallet.topology_move_leg (
    run_id         text NOT NULL REFERENCES wallet.topology_move_run,
    brand_id       uuid NOT NULL,
    player_id      uuid NOT NULL,
    from_bucket    text NOT NULL,
    to_bucket      text NOT NULL,
    currency       text NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    -- How much of it was locked.
    locked         bigint NOT NULL CHECK (locked BETWEEN 0 AND amount),
    from_version   bigint NOT NULL,
    to_version     bigint NOT NULL,
    transaction_id uuid NOT NULL,
    PRIMARY KEY (run_id, brand_id, player_id, from_bucket)
);

-- Grants, bonuses and rolling obligations that were led to the other topology, each as it was and as it became.
CREATE TABLE wallet.topology_move_reference (
    run_id     text NOT NULL REFERENCES wallet.topology_move_run,
    kind       text NOT NULL CHECK (kind IN ('grant', 'bonus', 'rolling')),
    id         uuid NOT NULL,
    brand_id   uuid NOT NULL,
    player_id  uuid NOT NULL,
    was        jsonb NOT NULL,
    became     jsonb NOT NULL,
    -- Of a rolling: what rolling_service's own record said.
    record_was jsonb,
    PRIMARY KEY (run_id, kind, id)
);
CREATE INDEX topology_move_reference_player ON wallet.topology_move_reference (run_id, brand_id, player_id);

-- rolling_service's part, offered to the wallet's owner alone: lead these rollings of a player to other buckets, and answer what their
-- records said before. p_rollings: [{rolling_id, topology_code, bucket_type_code, provider_types}]. A live rolling that is not named
-- and still counts in the topology that is left means that the two services do not agree: then nothing is moved.
CREATE FUNCTION rolling.lead_rollings(p_brand uuid, p_player uuid, p_rollings jsonb, p_left_code text, p_restore_epoch bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = rolling, pg_temp AS $$
DECLARE
    records jsonb;
BEGIN
    SELECT coalesce(jsonb_object_agg(r.rolling_id, jsonb_build_object('topology_code', r.topology_code, 'bucket_type_code', r.bucket_type_code,
                                                                      'provider_types', r.provider_types)), '{}') INTO records
      FROM (SELECT * FROM player_rolling held
             WHERE held.brand_id = p_brand AND held.player_id = p_player
               AND held.rolling_id IN (SELECT (w->>'rolling_id')::uuid FROM jsonb_array_elements(p_rollings) w)
               FOR UPDATE) r;
    IF (SELECT count(*) FROM jsonb_object_keys(records)) <> jsonb_array_length(p_rollings) THEN
        RAISE EXCEPTION 'player % owes a rolling that rolling_service has no record of yet', p_player USING ERRCODE = 'RB003';
    END IF;
    UPDATE player_rolling r
       SET topology_code = w->>'topology_code', bucket_type_code = w->>'bucket_type_code',
           provider_types = ARRAY(SELECT jsonb_array_elements_text(w->'provider_types')), revision = r.revision + 1,
           restore_epoch = p_restore_epoch, updated_at = now()
      FROM jsonb_array_elements(p_rollings) w
     WHERE r.rolling_id = (w->>'rolling_id')::uuid;
    IF EXISTS (SELECT FROM player_rolling r
                WHERE r.brand_id = p_brand AND r.player_id = p_player AND r.topology_code = p_left_code
                  AND r.state IN ('ACTIVE', 'COMPLETING', 'FAILED_COMPLETION')) THEN
        RAISE EXCEPTION 'rolling_service has a live rolling of player % that the wallet does not know', p_player USING ERRCODE = 'RB003';
    END IF;
    RETURN records;
END $$;

-- What keeps a move of this document from beginning or going on: one row per obstacle. Nothing is changed by looking.
CREATE FUNCTION wallet.topology_move_obstacles(d jsonb) RETURNS TABLE (obstacle text) LANGUAGE sql STABLE AS $$
    WITH wish AS (
        SELECT d->'from'->>'code' AS from_code, (d->'from'->>'version')::integer AS from_version,
               d->'to'->>'code' AS to_code, (d->'to'->>'version')::integer AS to_version
    ), source AS (
        SELECT b->>'code' AS code, b->>'kind' AS kind FROM wallet.wallet_topology t, wish w, jsonb_array_elements(t.document->'buckets') b
         WHERE (t.code, t.version) = (w.from_code, w.from_version)
    ), target AS (
        SELECT b->>'code' AS code, b->>'kind' AS kind FROM wallet.wallet_topology t, wish w, jsonb_array_elements(t.document->'buckets') b
         WHERE (t.code, t.version) = (w.to_code, w.to_version)
    ), pair AS (
        SELECT m.key AS from_bucket, m.value AS to_bucket, s.kind AS from_kind, t.kind AS to_kind
          FROM jsonb_each_text(d->'buckets') m LEFT JOIN source s ON s.code = m.key LEFT JOIN target t ON t.code = m.value
    )
    SELECT format('%s version %s is not the active topology', w.from_code, w.from_version) FROM wish w, wallet.wallet_gate g
     WHERE (g.topology_code, g.topology_version) IS DISTINCT FROM (w.from_code, w.from_version)
    UNION ALL
    SELECT format('topology %s version %s is not saved', w.to_code, w.to_version) FROM wish w WHERE NOT EXISTS (SELECT FROM target)
    UNION ALL
    SELECT format('%s is another version of the same code: its buckets are reached without a move', w.to_code) FROM wish w WHERE w.from_code = w.to_code
    UNION ALL
    SELECT format('buckets.%s: %s', p.from_bucket,
                  CASE WHEN p.from_kind IS NULL THEN 'is not a bucket of ' || w.from_code
                       WHEN p.to_kind IS NULL THEN format('%s is not a bucket of %s', p.to_bucket, w.to_code)
                       ELSE format('is of kind %s, %s of kind %s', p.from_kind, p.to_bucket, p.to_kind) END)
      FROM pair p, wish w WHERE p.from_kind IS NULL OR p.to_kind IS DISTINCT FROM p.from_kind
    UNION ALL
    SELECT format('buckets.%s: is not mapped, and %s x %s refer to it', r.bucket_type_code, r.references_count, r.held_by)
      FROM wallet.live_reference r, wish w
     WHERE r.topology_code = w.from_code AND r.bucket_type_code <> '' AND NOT d->'buckets' ? r.bucket_type_code AND r.held_by <> 'open stake'
    UNION ALL
    SELECT format('%s bets are open: settle or roll them back first', count(*)) FROM wallet.wallet_bet_authorization
     WHERE state = 'AUTHORIZED' HAVING count(*) > 0
    UNION ALL
    SELECT format('%s events are unpublished: drain the outbox first', count(*)) FROM wallet.wallet_outbox
     WHERE published_at IS NULL HAVING count(*) > 0
    UNION ALL
    SELECT format('%s published events are not applied yet: drain the outbox first', count(*))
      FROM (SELECT array_agg(o.event_id) AS event_ids, array_agg(o.brand_id) AS brand_ids, array_agg(o.player_id) AS player_ids,
                   array_agg(o.event_no) AS event_nos
              FROM wallet.wallet_outbox_partition p
              JOIN wallet.wallet_outbox o ON o.partition_no = p.partition_no AND o.publication_no > p.applied_no) since,
           rolling.unapplied(since.event_ids, since.brand_ids, since.player_ids, since.event_nos)
    HAVING count(*) > 0
    UNION ALL
    SELECT format('%s adjustments of %s wait for a second person: approve or reject them first', count(*), w.from_code)
      FROM wallet.wallet_adjustment a, wish w WHERE a.state = 'REQUESTED' AND a.account LIKE w.from_code || '/%' GROUP BY w.from_code HAVING count(*) > 0
$$;

-- Everything that happened since a move and forbids its undo: accounts and references that are not as the move left them, and what
-- came into the target topology without it. What canaries did is no obstacle: nobody can verify a move without them.
CREATE VIEW wallet.topology_move_conflict AS
WITH happened AS (
    SELECT l.run_id, l.brand_id, l.player_id, end_of.account AS subject, 'the account has moved since' AS reason
      FROM wallet.topology_move_leg l
      JOIN wallet.topology_move_run r USING (run_id)
     CROSS JOIN LATERAL (VALUES (r.from_code, l.from_bucket, l.from_version), (r.to_code, l.to_bucket, l.to_version)) AS side(code, bucket, version)
     CROSS JOIN LATERAL (SELECT side.code || '/' || side.bucket AS account) AS end_of
      LEFT JOIN wallet.wallet_bucket b ON b.brand_id = l.brand_id AND b.player_id = l.player_id AND b.topology_code = side.code
                                      AND b.bucket_type_code = side.bucket
     WHERE b.version IS DISTINCT FROM side.version
    UNION
    SELECT f.run_id, f.brand_id, f.player_id, f.kind || ' ' || f.id, 'it has changed since'
      FROM wallet.topology_move_reference f
      LEFT JOIN wallet.wallet_rolling_obligation o ON f.kind = 'rolling' AND o.rolling_id = f.id
      LEFT JOIN wallet.wallet_coupon_grant g ON f.kind = 'grant' AND g.grant_id = f.id
      LEFT JOIN wallet.wallet_bonus x ON f.kind = 'bonus' AND x.bonus_id = f.id
     -- Times are left out: as text they depend on who looks, and of these rows they say nothing that the state does not.
     WHERE CASE f.kind WHEN 'rolling' THEN to_jsonb(o) WHEN 'grant' THEN to_jsonb(g) ELSE to_jsonb(x) END
           - ARRAY['created_at', 'closed_at', 'expires_at'] IS DISTINCT FROM f.became - ARRAY['created_at', 'closed_at', 'expires_at']
    UNION
    SELECT r.run_id, b.brand_id, b.player_id, b.account, 'it holds money that the move did not bring'
      FROM wallet.topology_move_run r JOIN wallet.wallet_bucket b ON b.topology_code = r.to_code AND b.balance <> 0
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_leg l
                        WHERE (l.run_id, l.brand_id, l.player_id, l.to_bucket) = (r.run_id, b.brand_id, b.player_id, b.bucket_type_code))
    UNION
    SELECT r.run_id, b.brand_id, b.player_id, b.account, 'money came and went since'
      FROM wallet.topology_move_run r
      JOIN wallet.wallet_bucket b ON b.topology_code = r.to_code AND b.balance = 0 AND b.version > 0
      JOIN wallet.wallet_ledger l ON l.brand_id = b.brand_id AND l.player_id = b.player_id AND l.account = b.account AND l.version = b.version
                                 AND l.created_at >= r.started_at AND l.command NOT IN ('TOPOLOGY_MOVE', 'TOPOLOGY_MOVE_UNDO')
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_leg l
                        WHERE (l.run_id, l.brand_id, l.player_id, l.to_bucket) = (r.run_id, b.brand_id, b.player_id, b.bucket_type_code))
    UNION
    SELECT r.run_id, o.brand_id, o.player_id, 'rolling ' || o.rolling_id, 'it was made since'
      FROM wallet.topology_move_run r JOIN wallet.wallet_rolling_obligation o ON o.topology_code = r.to_code AND o.state = 'ACTIVE'
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_reference f WHERE (f.run_id, f.kind, f.id) = (r.run_id, 'rolling', o.rolling_id))
    UNION
    SELECT r.run_id, g.brand_id, g.player_id, 'grant ' || g.grant_id, 'it was made since'
      FROM wallet.topology_move_run r JOIN wallet.wallet_coupon_grant g ON g.topology_code = r.to_code AND g.state = 'ACTIVE'
     WHERE NOT EXISTS (SELECT FROM wallet.topology_move_reference f WHERE (f.run_id, f.kind, f.id) = (r.run_id, 'grant', g.grant_id))
    UNION
    SELECT r.run_id, a.brand_id, a.player_id, 'bet ' || a.authorization_id, 'it is open'
      FROM wallet.topology_move_run r JOIN wallet.wallet_bet_authorization a ON a.state = 'AUTHORIZED'
)
SELECT h.* FROM happened h LEFT JOIN wallet.wallet_player p USING (brand_id, player_id) WHERE p.canary IS NOT TRUE;
