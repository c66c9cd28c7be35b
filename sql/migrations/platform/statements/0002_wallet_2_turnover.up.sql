-- The wallet's own bound on turnover: what an account still has to turn over at the least, by the bets that the wallet settled itself.
-- rolling_worker counts turnover exactly; its word alone releases nothing (ADR 20).

-- A row stands while rollings are active on the account. `open` may fall below zero: what exceeds the rollings counts for none that
-- is opened later, but a bet may still be rolled back. `since` is when anything but a bet last changed the row. `seal` is the row as
-- the wallet's functions left it (ADR 18).
CREATE TABLE wallet.wallet_turnover (
    brand_id  uuid NOT NULL,
    player_id uuid NOT NULL,
    account   text NOT NULL,
    open      bigint NOT NULL,
    since     timestamptz NOT NULL DEFAULT clock_timestamp(),
    seal      jsonb,
    PRIMARY KEY (brand_id, player_id, account)
) WITH (fillfactor = 70);

-- Keep what the wallet's functions write; a superuser's own statement is not kept. A row that is not as they left it releases
-- nothing, and takes part in nothing but bets: those are settled, and leave it without a seal for good.
CREATE FUNCTION wallet.seal_turnover() RETURNS trigger
LANGUAGE plpgsql SET search_path = wallet, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
    altered boolean := TG_OP <> 'INSERT' AND OLD.seal IS DISTINCT FROM to_jsonb(OLD) - 'seal';
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF altered AND (TG_OP = 'DELETE' OR NEW.since <> OLD.since) THEN
        RAISE EXCEPTION 'the turnover of % is not as the wallet left it', OLD.account USING ERRCODE = 'RW013';
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.seal := CASE WHEN NOT altered THEN to_jsonb(NEW) - 'seal' END;
    RETURN NEW;
END $$;
CREATE TRIGGER seal BEFORE INSERT OR UPDATE OR DELETE ON wallet.wallet_turnover FOR EACH ROW EXECUTE FUNCTION wallet.seal_turnover();

-- The account that owes: a bucket, or the coupon grant that the rolling was made for.
CREATE FUNCTION wallet.owing_account(o wallet.wallet_rolling_obligation) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN o.grant_id IS NULL THEN o.topology_code || '/' || o.bucket_type_code ELSE 'GRANT/' || o.grant_id END
$$;

-- The least that an account has still to turn over.
CREATE FUNCTION wallet.open_turnover(p_brand uuid, p_player uuid, p_account text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT greatest(0, t.open) FROM wallet.wallet_turnover t
                      WHERE (t.brand_id, t.player_id, t.account) = (p_brand, p_player, p_account)), 0)::bigint
$$;

-- The turnover that is left on the account of the rolling, or of the bonus, that a command names.
CREATE FUNCTION wallet.read_turnover(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('open_turnover', max(wallet.open_turnover(p_brand, p_player, wallet.owing_account(r))))
              FROM wallet_rolling_obligation r
             WHERE r.brand_id = p_brand AND r.player_id = p_player
               AND r.rolling_id = coalesce((c->>'rolling_id')::uuid,
                                           (SELECT b.rolling_id FROM wallet_bonus b WHERE b.bonus_id = (c->>'bonus_id')::uuid)));
END $$;
