-- A topology move and its undo, in batches of players.

-- Return the reasons why a move by this document cannot begin, one per row. Changes nothing.
CREATE OR REPLACE FUNCTION wallet.topology_move_obstacles(d jsonb) RETURNS TABLE (obstacle text)
LANGUAGE sql STABLE AS $$
    WITH wish AS (
        SELECT d->'from'->>'code' AS from_code, (d->'from'->>'version')::integer AS from_version,
               d->'to'->>'code' AS to_code, (d->'to'->>'version')::integer AS to_version
    ), source AS (
        SELECT b->>'code' AS code, b->>'kind' AS kind FROM wallet.wallet_topology t, wish w,
               jsonb_array_elements(t.document->'buckets') b
         WHERE (t.code, t.version) = (w.from_code, w.from_version)
    ), target AS (
        SELECT b->>'code' AS code, b->>'kind' AS kind FROM wallet.wallet_topology t, wish w,
               jsonb_array_elements(t.document->'buckets') b
         WHERE (t.code, t.version) = (w.to_code, w.to_version)
    ), pair AS (
        SELECT m.key AS from_bucket, m.value AS to_bucket, s.kind AS from_kind, t.kind AS to_kind
          FROM jsonb_each_text(d->'buckets') m LEFT JOIN source s ON s.code = m.key
          LEFT JOIN target t ON t.code = m.value
    )
    SELECT format('%s version %s is not the active topology', w.from_code, w.from_version)
      FROM wish w, wallet.wallet_gate g
     WHERE (g.topology_code, g.topology_version) IS DISTINCT FROM (w.from_code, w.from_version)
    UNION ALL
    SELECT format('topology %s version %s is not saved', w.to_code, w.to_version) FROM wish w
     WHERE NOT EXISTS (SELECT FROM target)
    UNION ALL
    SELECT format('%s is another version of the same code: its buckets are reached without a move',
                  w.to_code) FROM wish w WHERE w.from_code = w.to_code
    UNION ALL
    SELECT format('buckets.%s: %s', p.from_bucket,
                  CASE WHEN p.from_kind IS NULL THEN 'is not a bucket of ' || w.from_code
                       WHEN p.to_kind IS NULL THEN format('%s is not a bucket of %s', p.to_bucket,
                                                          w.to_code)
                       ELSE format('is of kind %s, %s of kind %s', p.from_kind, p.to_bucket,
                                   p.to_kind) END)
      FROM pair p, wish w WHERE p.from_kind IS NULL OR p.to_kind IS DISTINCT FROM p.from_kind
    UNION ALL
    SELECT format('buckets.%s: is not mapped, and %s x %s refer to it', r.bucket_type_code,
                  r.references_count, r.held_by)
      FROM wallet.live_reference r, wish w
     WHERE r.topology_code = w.from_code AND r.bucket_type_code <> ''
       AND NOT d->'buckets' ? r.bucket_type_code AND r.held_by <> 'open stake'
    UNION ALL
    SELECT format('%s bets are open: settle or roll them back first', count(*))
      FROM wallet.wallet_bet_authorization
     WHERE state = 'AUTHORIZED' HAVING count(*) > 0
    UNION ALL
    SELECT format('%s events are unpublished: drain the outbox first', count(*))
      FROM wallet.wallet_outbox
     WHERE published_at IS NULL HAVING count(*) > 0
    UNION ALL
    SELECT format('%s published events are not applied yet: drain the outbox first', count(*))
      FROM (SELECT array_agg(o.event_id) AS event_ids, array_agg(o.brand_id) AS brand_ids,
                   array_agg(o.player_id) AS player_ids,
                   array_agg(o.event_no) AS event_nos
              FROM wallet.wallet_outbox_partition p
              JOIN wallet.wallet_outbox o ON o.partition_no = p.partition_no
                                         AND o.publication_no > p.applied_no) since,
           rolling.unapplied(since.event_ids, since.brand_ids, since.player_ids, since.event_nos)
    HAVING count(*) > 0
    UNION ALL
    SELECT format('%s adjustments of %s wait for a second person: approve or reject them first',
                  count(*), w.from_code)
      FROM wallet.wallet_adjustment a, wish w
     WHERE a.state = 'REQUESTED' AND a.account LIKE w.from_code || '/%' GROUP BY w.from_code
     HAVING count(*) > 0
$$;

-- Start a run, or return the row of a started run. The document, the person who confirmed it and
-- the last player are fixed at the start.
CREATE OR REPLACE FUNCTION wallet.topology_move_start(p_run_id text, p_by text, d jsonb,
                                                      p_digest text, p_undoes text)
RETURNS wallet.topology_move_run
LANGUAGE plpgsql AS $$
DECLARE
    run    wallet.topology_move_run;
    former wallet.topology_move_run;
    fault  record;
BEGIN
    SELECT * INTO run FROM topology_move_run WHERE run_id = p_run_id FOR UPDATE;
    IF FOUND THEN
        IF (run.digest, run.undoes) IS DISTINCT FROM (p_digest, p_undoes) THEN
            RAISE EXCEPTION 'run % was started for another document', p_run_id
                USING ERRCODE = 'RB003';
        END IF;
        RETURN run;
    END IF;
    IF p_undoes IS NULL THEN
        IF encode(sha256(convert_to(d::text, 'UTF8')), 'hex') <> p_digest THEN
            RAISE EXCEPTION 'the document has not the digest %', p_digest USING ERRCODE = 'RB003';
        END IF;
        SELECT obstacle, count(*) OVER () AS total INTO fault FROM wallet.topology_move_obstacles(d)
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'nothing was moved: % (% obstacles)', fault.obstacle, fault.total
                USING ERRCODE = 'RB003';
        END IF;
    ELSE
        SELECT * INTO former FROM topology_move_run
         WHERE run_id = p_undoes AND undoes IS NULL AND finished_at IS NOT NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no finished move has the id %', p_undoes USING ERRCODE = 'RB003';
        END IF;
        SELECT c.subject, c.player_id, c.reason, count(*) OVER () AS total INTO fault
          FROM topology_move_conflict c WHERE c.run_id = p_undoes LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'nothing was moved back: % of player %: % (% conflicts)', fault.subject,
                fault.player_id, fault.reason, fault.total
                USING ERRCODE = 'RB003';
        END IF;
        d := former.document;
    END IF;
    INSERT INTO topology_move_run (run_id, undoes, from_code, from_version, to_code, to_version,
                                   buckets, document, digest, confirmed_by,
                                   upper_brand, upper_player)
    SELECT p_run_id, p_undoes, d->'from'->>'code', (d->'from'->>'version')::integer,
           d->'to'->>'code', (d->'to'->>'version')::integer, d->'buckets', d,
           p_digest, p_by, last.brand_id, last.player_id
      FROM (SELECT 1) AS always
      LEFT JOIN (SELECT brand_id, player_id FROM wallet_player
                  ORDER BY brand_id DESC, player_id DESC LIMIT 1) AS last ON true
    RETURNING * INTO run;
    RETURN run;
END $$;

-- Mark a run as finished. Raises an error if anything is left in the former topology.
CREATE OR REPLACE FUNCTION wallet.topology_move_finish(run wallet.topology_move_run) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    stay record;
BEGIN
    SELECT r.* INTO stay FROM live_reference r
     WHERE r.topology_code = CASE WHEN run.undoes IS NULL THEN run.from_code ELSE run.to_code END
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% x % are still in %/%', stay.references_count, stay.held_by,
            stay.topology_code, stay.bucket_type_code USING ERRCODE = 'RB003';
    END IF;
    UPDATE topology_move_run SET finished_at = clock_timestamp() WHERE run_id = run.run_id;
END $$;

-- Process one batch of players in key order, and update the checkpoint and the counters. Returns
-- true when the run is finished.
CREATE OR REPLACE FUNCTION wallet.topology_move_batch(p_run_id text, p_token bigint, p_by text,
                                                      p_document jsonb, p_digest text,
                                                      p_undoes text, p_limit integer)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
    run    wallet.topology_move_run;
    back   wallet.topology_move_run;
    p      wallet.wallet_player;
    done   jsonb;
    looked bigint := 0;
BEGIN
    PERFORM wallet.note_change(p_token);
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    IF (SELECT freeze_level <> 'sealed' OR settled_epoch <> freeze_epoch FROM wallet_gate) THEN
        RAISE EXCEPTION 'a topology is moved only while money is sealed' USING ERRCODE = 'RB002';
    END IF;
    run := wallet.topology_move_start(p_run_id, p_by, p_document, p_digest, p_undoes);
    IF run.finished_at IS NOT NULL THEN
        RETURN true;
    END IF;
    -- A canary may have played since the move, so its recorded legs no longer fit. The undo moves
    -- its present balances by the reversed mapping instead. If the move joined two buckets, all
    -- money returns to one of them.
    back := run;
    back.from_code := run.to_code;
    back.from_version := run.to_version;
    back.to_code := run.from_code;
    back.to_version := run.from_version;
    back.buckets := (SELECT jsonb_object_agg(value, key ORDER BY key DESC)
                       FROM jsonb_each_text(run.buckets));
    FOR p IN SELECT * FROM wallet_player w
              WHERE (w.brand_id, w.player_id) > (run.last_brand, run.last_player)
                AND (w.brand_id, w.player_id) <= (run.upper_brand, run.upper_player)
              ORDER BY w.brand_id, w.player_id LIMIT p_limit FOR UPDATE LOOP
        IF run.undoes IS NULL THEN
            done := wallet.topology_move_player(run, p);
        ELSIF p.canary THEN
            done := wallet.topology_move_player(back, p);
        ELSE
            done := wallet.topology_move_undo_player(run, p);
        END IF;
        looked := looked + 1;
        IF done <> '{"legs": 0, "referring": 0}' THEN
            -- The new version makes commands fail that were decided before the move.
            UPDATE wallet_player w SET version = w.version + 1
                WHERE w.brand_id = p.brand_id AND w.player_id = p.player_id;
            run.players := run.players + 1;
        END IF;
        run.legs := run.legs + (done->>'legs')::bigint;
        run.referring := run.referring + (done->>'referring')::bigint;
        run.last_brand := p.brand_id;
        run.last_player := p.player_id;
    END LOOP;
    UPDATE topology_move_run r
       SET last_brand = run.last_brand, last_player = run.last_player,
           scanned = run.scanned + looked, players = run.players, legs = run.legs,
           referring = run.referring
     WHERE r.run_id = p_run_id;
    IF looked < p_limit THEN
        PERFORM wallet.topology_move_finish(run);
    END IF;
    RETURN looked < p_limit;
END $$;
