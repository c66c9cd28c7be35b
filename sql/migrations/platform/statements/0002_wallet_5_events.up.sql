-- Tell rolling_worker which entries of a stream are events of the wallet: those whose content, id included, stands in its outbox (ADR 20).
-- Input: [{event_id, partition_no, hash}]; the hashes of known ones come back. The hash is made as plumbing/outbox.py content_hash makes it of the text that wallet_outbox_rows publishes.
CREATE FUNCTION wallet.known_events(p_events jsonb) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
    SELECT e.hash
      FROM jsonb_to_recordset(p_events) AS e (event_id uuid, partition_no smallint, hash text)
      JOIN wallet.wallet_outbox o ON o.event_id = e.event_id AND o.partition_no = e.partition_no
     WHERE e.hash = encode(sha256(convert_to(concat(
               o.event_id, E'\n', o.event_type, E'\n', o.brand_id, E'\n', o.player_id, E'\n', o.player_version, E'\n', o.event_no, E'\n',
               o.schema_version, E'\n', to_char(o.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), E'\n',
               o.restore_epoch, E'\n', o.payload::text), 'UTF8')), 'hex')
$$;
