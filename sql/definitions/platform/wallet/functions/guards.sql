-- Functions of triggers that refuse a change, whoever asks for it.

-- Refuses to change a ledger row, a counter entry, or a document that is no draft any more.
CREATE OR REPLACE FUNCTION wallet.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused: its rows are immutable', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'RW002';
END $$;

CREATE OR REPLACE FUNCTION wallet.protect_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Of a version that was ever active nothing may change but its state and when it was activated.
    IF OLD.state <> 'DRAFT' AND (TG_OP = 'DELETE' OR NEW.state = 'DRAFT'
        OR to_jsonb(NEW) - ARRAY['state', 'activated_at'] <> to_jsonb(OLD) - ARRAY['state',
            'activated_at']) THEN
        RAISE EXCEPTION '% % version is %: only a draft may change (A7-9)', TG_TABLE_NAME,
            OLD.version, OLD.state USING ERRCODE = 'RW009';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- A grant that is no longer active holds nothing once its command is done: what returns to it has
-- gone on in the same command.
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

-- Whatever a decision looks at moves the player's version: a command that was decided on a player
-- who was blocked meanwhile is stale.
CREATE OR REPLACE FUNCTION wallet.move_player_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wallet.wallet_player p SET version = p.version + 1
        WHERE p.brand_id = NEW.brand_id AND p.player_id = NEW.player_id;
    RETURN NULL;
END $$;

-- Triggers are made per table and fire even for replication roles: TRUNCATE triggers are not
-- inherited by partitions.
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

-- One partition a month, made ahead, each with its own unique key, triggers and grants. Returns how
-- many were made.
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
