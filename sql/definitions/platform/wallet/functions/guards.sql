-- Trigger functions that refuse a change for every role, and functions that create such triggers.

-- Refuse every change of a row in an immutable table.
CREATE OR REPLACE FUNCTION wallet.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are immutable', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'RW002';
END $$;

CREATE OR REPLACE FUNCTION wallet.protect_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A version that was ever active may change only its columns state and activated_at.
    IF OLD.state <> 'DRAFT' AND (TG_OP = 'DELETE' OR NEW.state = 'DRAFT'
        OR to_jsonb(NEW) - ARRAY['state', 'activated_at'] <> to_jsonb(OLD) - ARRAY['state',
            'activated_at']) THEN
        RAISE EXCEPTION '% % version is %: only a draft may change (A7-9)', TG_TABLE_NAME,
            OLD.version, OLD.state USING ERRCODE = 'RW009';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- Refuse a closed grant with a balance at the end of a transaction. Money that returns to a closed
-- grant must move on in the same command.
CREATE OR REPLACE FUNCTION wallet.refuse_money_in_closed_grant() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM wallet.wallet_coupon_grant g
                WHERE g.grant_id = NEW.grant_id AND g.state <> 'ACTIVE' AND g.balance <> 0) THEN
        RAISE EXCEPTION 'coupon grant % is closed and would still hold money', NEW.grant_id
            USING ERRCODE = 'RW003';
    END IF;
    RETURN NULL;
END $$;

-- Raise the player's version when currency, status or canary change. A command that was decided
-- before, such as a bet of a player who is now blocked, then fails with RW001.
CREATE OR REPLACE FUNCTION wallet.move_player_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallet.wallet_player p SET version = p.version + 1
        WHERE p.brand_id = NEW.brand_id AND p.player_id = NEW.player_id;
    RETURN NULL;
END $$;

-- Make a table immutable. The triggers fire always, also in replica mode. The function must be
-- called for each partition, because partitions do not inherit TRUNCATE triggers.
CREATE OR REPLACE FUNCTION wallet.make_immutable(p_table regclass) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE TRIGGER immutable_rows BEFORE UPDATE OR DELETE ON %s '
                   'FOR EACH ROW EXECUTE FUNCTION wallet.refuse_change()', p_table);
    EXECUTE format('CREATE OR REPLACE TRIGGER immutable_table BEFORE TRUNCATE ON %s '
                   'FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_change()', p_table);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER immutable_rows', p_table);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER immutable_table', p_table);
END $$;

-- Create the ledger's monthly partitions for the coming months, each with a unique index, triggers
-- and grants. Returns the number of new partitions.
CREATE OR REPLACE FUNCTION wallet.ensure_ledger_partitions(p_months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    first_day timestamptz;
    part      text;
    made      integer := 0;
BEGIN
    FOR month IN -1 .. p_months_ahead LOOP
        first_day := date_trunc('month', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
            + make_interval(months => month);
        part := 'wallet_ledger_' || to_char(first_day AT TIME ZONE 'UTC', 'YYYYMM');
        CONTINUE WHEN to_regclass('wallet.' || part) IS NOT NULL;
        EXECUTE format('CREATE TABLE wallet.%I PARTITION OF wallet.wallet_ledger '
                       'FOR VALUES FROM (%L) TO (%L)', part, first_day,
                       (first_day AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
        EXECUTE format('CREATE UNIQUE INDEX %I ON wallet.%I '
                       '(brand_id, player_id, account, version)', part || '_key', part);
        PERFORM wallet.make_immutable(('wallet.' || part)::regclass);
        EXECUTE format('ALTER TABLE wallet.%I OWNER TO wallet_owner', part);
        EXECUTE format('GRANT SELECT ON wallet.%I TO rubyops_read, rubyops_ops, wallet_service',
                       part);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;
