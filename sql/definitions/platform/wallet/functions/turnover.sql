-- The wallet's own lower bound of the open turnover of each account, based on the bets that it
-- settled. rolling_worker counts the exact turnover, but the wallet releases money only if its own
-- bound allows it, too (ADR 20).

-- Trigger that stores a copy of the row in the column `seal`, except for statements of a superuser.
-- A row that differs from its seal was changed from outside. Bets may still change the row, but it
-- then gets no seal, so that its money is not released. All other changes fail with RW013.
CREATE OR REPLACE FUNCTION wallet.seal_turnover() RETURNS trigger
LANGUAGE plpgsql SET search_path = wallet, pg_temp SET TimeZone = 'UTC' AS $$
DECLARE
    altered boolean := TG_OP <> 'INSERT' AND OLD.seal IS DISTINCT FROM to_jsonb(OLD) - 'seal';
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    IF altered AND (TG_OP = 'DELETE' OR NEW.since <> OLD.since) THEN
        RAISE EXCEPTION 'the turnover of % is not as the wallet left it', OLD.account
            USING ERRCODE = 'RW013';
    ELSIF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    NEW.seal := CASE WHEN NOT altered THEN to_jsonb(NEW) - 'seal' END;
    RETURN NEW;
END $$;

-- Return the account of a rolling obligation: a bucket, or a coupon grant.
CREATE OR REPLACE FUNCTION wallet.owing_account(o wallet.wallet_rolling_obligation) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN o.grant_id IS NULL THEN o.topology_code || '/' || o.bucket_type_code
                ELSE 'GRANT/' || o.grant_id END
$$;

-- Return the lower bound of an account's open turnover. It is 0 if there is no row.
CREATE OR REPLACE FUNCTION wallet.open_turnover(p_brand uuid, p_player uuid, p_account text)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT greatest(0, t.open) FROM wallet.wallet_turnover t
                      WHERE (t.brand_id, t.player_id, t.account) = (p_brand, p_player, p_account)),
                    0);
END $$;

-- Return the open turnover of the account of a rolling or bonus.
CREATE OR REPLACE FUNCTION wallet.read_turnover(c jsonb, p_brand uuid, p_player uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('open_turnover',
                                      max(wallet.open_turnover(p_brand, p_player,
                                              wallet.owing_account(r))))
              FROM wallet_rolling_obligation r
             WHERE r.brand_id = p_brand AND r.player_id = p_player
               AND r.rolling_id = coalesce((c->>'rolling_id')::uuid,
                                           (SELECT b.rolling_id FROM wallet_bonus b
                                             WHERE b.bonus_id = (c->>'bonus_id')::uuid)));
END $$;

-- Return the turnover target of a rolling: the required turnover times the brand's completion
-- ratio. No service may write this ratio.
CREATE OR REPLACE FUNCTION wallet.asked_turnover(p_brand uuid, p_required bigint) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ceil(p_required::numeric * rolling.completion_ratio(p_brand) / 10000)::bigint;
END $$;

-- Subtract the stake of a settled bet from the open turnover of the accounts that paid it, or add
-- it again if a settled bet is rolled back. The rollback does not change an account whose rollings
-- changed since the settlement, because only rolling_worker knows for which rolling the bet
-- counted.
CREATE OR REPLACE FUNCTION wallet.count_turnover(c wallet.command) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallet_turnover t SET open = t.open + CASE (c.bet).state WHEN 'SETTLED' THEN -f.amount
                                                      ELSE f.amount END
      FROM (SELECT s->>'account' AS account, sum((s->>'amount')::bigint) AS amount, a.closed_at
              FROM wallet_bet_authorization a, jsonb_array_elements(a.funding) s
             WHERE a.authorization_id = (c.bet).authorization_id AND a.player_id = c.player_id
               AND a.state = (c.bet).from_state
             GROUP BY 1, 3) f
     WHERE t.brand_id = c.brand_id AND t.player_id = c.player_id AND t.account = f.account
       AND ((c.bet).state = 'SETTLED'
            OR ((c.bet).from_state = 'SETTLED' AND f.closed_at > t.since));
    RETURN true;
END $$;

-- Raise or lower the open turnover of an account. It never falls below 0.
CREATE OR REPLACE FUNCTION wallet.add_turnover(p_brand uuid, p_player uuid, p_account text,
                                               p_amount bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wallet_turnover AS t (brand_id, player_id, account, open)
        VALUES (p_brand, p_player, p_account, greatest(0, p_amount))
    ON CONFLICT (brand_id, player_id, account) DO UPDATE SET open = greatest(0,
        greatest(0, t.open) + p_amount), since = clock_timestamp();
END $$;

-- Move open turnover between two accounts, in proportion to the transferred money. Both sides are
-- rounded up. Returns the turnover of the target.
CREATE OR REPLACE FUNCTION wallet.carry_turnover(c wallet.command, p_from text, p_to text,
                                                 p_amount bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    owed numeric;
    rest bigint;
    part bigint;
BEGIN
    SELECT greatest(0, t.open) INTO owed FROM wallet_turnover t
     WHERE (t.brand_id, t.player_id, t.account) = (c.brand_id, c.player_id, p_from);
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    SELECT b.balance INTO rest FROM wallet_bucket b
     WHERE b.brand_id = c.brand_id AND b.player_id = c.player_id
       AND (b.topology_code, b.bucket_type_code) = (split_part(p_from, '/', 1),
                                                    split_part(p_from, '/', 2));
    part := ceil(owed * p_amount / (rest + p_amount));
    IF rest = 0 THEN
        DELETE FROM wallet_turnover t
            WHERE (t.brand_id, t.player_id, t.account) = (c.brand_id, c.player_id, p_from);
    ELSE
        PERFORM wallet.add_turnover(c.brand_id, c.player_id, p_from,
                                    -floor(owed * p_amount / (rest + p_amount))::bigint);
    END IF;
    PERFORM wallet.add_turnover(c.brand_id, c.player_id, p_to, part);
    RETURN part;
END $$;

-- End rollings of a command. A rolling that was not completed lowers the open turnover by its
-- required turnover. Raises RW014 if money would be released while turnover is open.
CREATE OR REPLACE FUNCTION wallet.end_turnover(c wallet.command) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ended record;
    left_ bigint;
BEGIN
    FOR ended IN
        SELECT DISTINCT ON (r.rolling_id) wallet.owing_account(r) AS account, r.required,
            o->>'state' AS state
          FROM jsonb_array_elements(c.records->'obligations_closed') o
          JOIN wallet_rolling_obligation r ON r.rolling_id = (o->>'rolling_id')::uuid
                                          AND r.player_id = c.player_id AND r.state = 'ACTIVE'
         ORDER BY r.rolling_id
    LOOP
        IF ended.state = 'COMPLETED'
           AND NOT EXISTS (SELECT FROM wallet_turnover t
                            WHERE (t.brand_id, t.player_id, t.account) = (c.brand_id, c.player_id,
                                ended.account)) THEN
            RAISE EXCEPTION 'the turnover of % is gone', ended.account USING ERRCODE = 'RW013';
        END IF;
        PERFORM wallet.add_turnover(c.brand_id, c.player_id, ended.account, CASE ended.state
            WHEN 'COMPLETED' THEN 0 ELSE -ended.required END);
        CONTINUE WHEN EXISTS (
            SELECT FROM wallet_rolling_obligation r
             WHERE r.brand_id = c.brand_id AND r.player_id = c.player_id AND r.state = 'ACTIVE'
               AND wallet.owing_account(r) = ended.account
               AND NOT c.records->'obligations_closed' @> jsonb_build_array(
                   jsonb_build_object('rolling_id', r.rolling_id)));
        left_ := wallet.open_turnover(c.brand_id, c.player_id, ended.account);
        IF left_ > 0 AND (ended.state = 'COMPLETED' OR c.records ? 'transfers') THEN
            RAISE EXCEPTION 'settled bets leave at least % of % to be turned over', left_,
                ended.account USING ERRCODE = 'RW014';
        END IF;
        DELETE FROM wallet_turnover t
            WHERE (t.brand_id, t.player_id, t.account) = (c.brand_id, c.player_id, ended.account);
    END LOOP;
END $$;

-- Update the open turnover for the transfers, new rollings and ended rollings of a command. It must
-- run before the obligations are written.
CREATE OR REPLACE FUNCTION wallet.follow_turnover(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    moved   jsonb;
    opened  jsonb;
    carried bigint := 0;
    edges   integer := 0;
BEGIN
    FOR moved IN SELECT * FROM jsonb_array_elements(coalesce(c.records->'transfers', '[]')) LOOP
        CONTINUE WHEN moved->>'kind' <> 'EDGE';
        carried := wallet.carry_turnover(c, moved->>'from_account', moved->>'to_account',
                                         (moved->>'amount')::bigint);
        edges := edges + 1;
    END LOOP;
    FOR opened IN SELECT * FROM jsonb_array_elements(coalesce(c.records->'obligations_opened',
                                                              '[]')) LOOP
        IF (opened->>'required')::bigint IS NULL OR (opened ? 'part_of' AND edges <> 1) THEN
            RAISE EXCEPTION 'rolling % does not say what it asks for', opened->>'rolling_id'
                USING ERRCODE = 'RW003';
        ELSIF NOT opened ? 'part_of' THEN
            -- The new rolling of an edge adds only turnover that the money did not bring along.
            PERFORM wallet.add_turnover(c.brand_id, c.player_id,
                CASE WHEN opened->>'grant_id' IS NULL THEN (opened->>'topology_code') || '/'
                    || (opened->>'bucket_type_code')
                     ELSE 'GRANT/' || (opened->>'grant_id') END,
                greatest(0, wallet.asked_turnover(c.brand_id, (opened->>'required')::bigint)
                         - carried));
        END IF;
    END LOOP;
    IF c.records ? 'obligations_closed' THEN
        PERFORM wallet.end_turnover(c);
    END IF;
END $$;

-- Refuse a command, other than a bet, that turns normal money, a bonus or a grant into withdrawable
-- money or cash, while turnover is open or without a rolling that ends.
CREATE OR REPLACE FUNCTION wallet.refuse_release(c wallet.command) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    fault record;
BEGIN
    SELECT side.account INTO fault
      FROM (SELECT leg.account, leg.delta,
                   CASE WHEN leg.account LIKE 'CASH/%' THEN 'cash'
                        WHEN leg.account LIKE 'GRANT/%' THEN 'grant' ELSE (
                       SELECT b->>'kind' FROM wallet_topology t,
                              jsonb_array_elements(t.document->'buckets') b
                        WHERE t.code = split_part(leg.account, '/', 1) AND t.state <> 'DRAFT'
                          AND b->>'code' = split_part(leg.account, '/', 2)
                        ORDER BY t.version DESC LIMIT 1) END AS kind
              FROM (SELECT l->>'account' AS account, sum((l->>'delta')::bigint) AS delta
                      FROM jsonb_array_elements(c.legs) l GROUP BY 1) leg) side
     WHERE side.delta < 0 AND side.kind IN ('normal', 'bonus', 'grant')
       AND EXISTS (SELECT FROM jsonb_array_elements(c.legs) l
                    WHERE (l->>'delta')::bigint > 0
                      AND (l->>'account' LIKE 'CASH/%' OR EXISTS (
                           SELECT FROM wallet_topology t,
                                  jsonb_array_elements(t.document->'buckets') b
                            WHERE t.code = split_part(l->>'account', '/', 1)
                              AND b->>'code' = split_part(l->>'account', '/', 2)
                              AND b->>'kind' = 'withdrawable')))
       AND (EXISTS (SELECT FROM wallet_turnover t
                     WHERE (t.brand_id, t.player_id, t.account) = (c.brand_id, c.player_id,
                         side.account))
            OR NOT EXISTS (
                SELECT FROM jsonb_array_elements(coalesce(c.records->'obligations_closed', '[]')) o
                  JOIN wallet_rolling_obligation r ON r.rolling_id = (o->>'rolling_id')::uuid
                                                  AND r.player_id = c.player_id
                 WHERE wallet.owing_account(r) = side.account))
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% pays from %, and no rolling of it was completed', c.command,
            fault.account USING ERRCODE = 'RW014';
    END IF;
END $$;
