-- The functions of each consumer's schema that its publisher calls. `sql.owners` replaces the
-- placeholders.

-- Return the given events that are neither applied nor dead letters. A malformed dead letter does
-- not count, because its event id may be forged. The publisher compares its outbox with the result.
-- SECURITY DEFINER lets the publisher call this without a right to read the tables.
CREATE OR REPLACE FUNCTION {consumer}.unapplied(p_event_ids uuid[], p_brand_ids uuid[],
                                                p_player_ids uuid[], p_event_nos bigint[])
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = {consumer}, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT e.event_id
      FROM unnest(p_event_ids, p_brand_ids, p_player_ids, p_event_nos)
               AS e (event_id, brand_id, player_id, event_no)
     WHERE NOT EXISTS (SELECT FROM {consumer}_position p
                        WHERE p.brand_id = e.brand_id AND p.player_id = e.player_id
                          AND p.event_no >= e.event_no)
       AND NOT EXISTS (SELECT FROM {consumer}_dead_letter d
                        WHERE d.event_id = e.event_id AND d.reason <> 'MALFORMED');
END $$;
