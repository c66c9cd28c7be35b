-- Rollings and what bets counted toward them: each row keeps what its service wrote last, and the wallet's reconciliation may look.

ALTER TABLE rolling.player_rolling ADD COLUMN seal jsonb;
ALTER TABLE rolling.rolling_turnover ADD COLUMN seal jsonb;

-- Keep what a service writes. A superuser's own statement is not kept, so the row differs from its seal; no service acts on such a row.
CREATE FUNCTION rolling.seal_row() RETURNS trigger
LANGUAGE plpgsql SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.seal IS DISTINCT FROM to_jsonb(OLD) - 'seal'
       AND (OLD.seal IS NULL OR EXISTS (SELECT FROM jsonb_each(OLD.seal) e WHERE to_jsonb(OLD)->e.key IS DISTINCT FROM e.value)) THEN
        RAISE EXCEPTION 'a row of % of rolling % is not as its service left it', TG_TABLE_NAME, OLD.rolling_id USING ERRCODE = 'RW013';
    END IF;
    NEW.seal := to_jsonb(NEW) - 'seal';
    RETURN NEW;
END $$;
CREATE TRIGGER seal BEFORE INSERT OR UPDATE ON rolling.player_rolling FOR EACH ROW EXECUTE FUNCTION rolling.seal_row();
CREATE TRIGGER seal BEFORE INSERT OR UPDATE ON rolling.rolling_turnover FOR EACH ROW EXECUTE FUNCTION rolling.seal_row();
CREATE INDEX player_rolling_since ON rolling.player_rolling USING brin (created_at, updated_at);
CREATE INDEX rolling_turnover_since ON rolling.rolling_turnover USING brin (counted_at);

-- For the wallet's reconciliation, which only reads: rollings that were made or changed in these times, each with what was counted for it.
CREATE FUNCTION rolling.rollings_between(p_recent timestamptz, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (rolling_id uuid, brand_id uuid, player_id uuid, held jsonb, seal jsonb, turnover bigint, counted bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT r.rolling_id, r.brand_id, r.player_id, to_jsonb(r) - 'seal', r.seal, r.turnover,
           -- Turnover that a rollback could not take back any more stays counted, and is a finding.
           (SELECT coalesce(sum(t.amount), 0)::bigint FROM rolling_turnover t
             WHERE t.rolling_id = r.rolling_id
               AND (t.reversed_at IS NULL
                    OR EXISTS (SELECT FROM rolling_finding f WHERE f.rolling_id = t.rolling_id AND f.event_id = t.reversed_event_id)))
      FROM player_rolling r
     WHERE r.created_at >= p_recent OR r.updated_at >= p_recent OR (r.created_at >= p_from AND r.created_at < p_to)
$$;

-- The turnover that bets counted in these times.
CREATE FUNCTION rolling.turnover_between(p_recent timestamptz, p_from timestamptz, p_to timestamptz)
RETURNS TABLE (rolling_id uuid, authorization_id text, brand_id uuid, player_id uuid, amount bigint, held jsonb, seal jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT t.rolling_id, t.authorization_id, t.brand_id, t.player_id, t.amount, to_jsonb(t) - 'seal', t.seal
      FROM rolling_turnover t
     WHERE t.counted_at >= p_recent OR (t.counted_at >= p_from AND t.counted_at < p_to)
$$;

-- The fate of an event of the wallet that asked for a rolling: whether it was received and not discarded, the rolling, and whether
-- its end is still to be told.
CREATE FUNCTION rolling.answer_to(p_event uuid, p_rolling uuid, OUT received boolean, OUT held jsonb, OUT is_due boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = rolling, pg_temp SET TimeZone = 'UTC' AS $$
    SELECT EXISTS (SELECT FROM rolling_inbox i WHERE i.event_id = p_event)
               AND NOT EXISTS (SELECT FROM rolling_dead_letter d
                                WHERE d.event_id = p_event AND d.reason <> 'MALFORMED' AND d.discard_confirmed_at IS NOT NULL),
           (SELECT to_jsonb(r) - 'seal' FROM player_rolling r WHERE r.rolling_id = p_rolling),
           EXISTS (SELECT FROM rolling_retry q WHERE q.rolling_id = p_rolling)
$$;

GRANT USAGE ON SCHEMA rolling TO rolling_owner, wallet_service;
GRANT SELECT ON rolling.player_rolling, rolling.rolling_turnover, rolling.rolling_finding, rolling.rolling_inbox, rolling.rolling_retry TO rolling_owner;
ALTER FUNCTION rolling.rollings_between(timestamptz, timestamptz, timestamptz) OWNER TO rolling_owner;
ALTER FUNCTION rolling.turnover_between(timestamptz, timestamptz, timestamptz) OWNER TO rolling_owner;
ALTER FUNCTION rolling.answer_to(uuid, uuid) OWNER TO rolling_owner;
REVOKE ALL ON FUNCTION rolling.rollings_between(timestamptz, timestamptz, timestamptz), rolling.turnover_between(timestamptz, timestamptz, timestamptz),
    rolling.answer_to(uuid, uuid), rolling.seal_row() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rolling.rollings_between(timestamptz, timestamptz, timestamptz), rolling.turnover_between(timestamptz, timestamptz, timestamptz),
    rolling.answer_to(uuid, uuid) TO wallet_service, rubyops_read, rubyops_ops;
