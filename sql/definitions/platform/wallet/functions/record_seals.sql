-- Seals of records other than the ledger. A trigger stores the content of a record when a function
-- of the wallet writes it. Reconciliation compares the record with this seal.

-- Return all kinds of sealed records. A new kind needs a row here, a trigger, and an entry in
-- checks/release/_wallet_rights.py. `keys` are the key columns. `since` is the column with the time
-- of creation; it is NULL for a small table that each cycle compares in full. `unsealed` are
-- columns that change without a decision, or that another comparison covers. All other columns are
-- sealed.
CREATE OR REPLACE FUNCTION wallet.sealed_kinds()
RETURNS TABLE (kind text, keys text[], brand text, player text, since text, unsealed text[])
LANGUAGE sql IMMUTABLE AS $$
    VALUES
        ('wallet_player', ARRAY['brand_id', 'player_id'], 'brand_id', 'player_id', 'created_at',
         ARRAY['version', 'event_no']),
        ('wallet_coupon_grant', ARRAY['grant_id'], 'brand_id', 'player_id', 'created_at',
         ARRAY['balance', 'version', 'hash', 'previous_hash']),
        ('wallet_rolling_obligation', ARRAY['rolling_id'], 'brand_id', 'player_id', 'created_at',
         ARRAY[]::text[]),
        ('wallet_lock', ARRAY['brand_id', 'player_id', 'account', 'version'], 'brand_id',
         'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_bonus', ARRAY['bonus_id'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_adjustment', ARRAY['adjustment_id'], 'brand_id', 'player_id', 'requested_at',
         ARRAY[]::text[]),
        ('wallet_transfer', ARRAY['transfer_id'], 'brand_id', 'player_id', 'created_at',
         ARRAY[]::text[]),
        ('ledger_transactions', ARRAY['transaction_id'], 'tenant_id', 'player_id', 'created_at',
         ARRAY[]::text[]),
        ('wallet_reference', ARRAY['brand_id', 'command', 'reference'], 'brand_id', 'player_id',
         'created_at', ARRAY[]::text[]),
        ('wallet_funding_choice', ARRAY['brand_id', 'player_id', 'provider_type'], 'brand_id',
         'player_id', 'chosen_at', ARRAY[]::text[]),
        ('wallet_campaign', ARRAY['brand_id', 'campaign_code'], 'brand_id', NULL, 'created_at',
         ARRAY[]::text[]),
        ('wallet_win', ARRAY['win_id'], 'brand_id', 'player_id', 'created_at', ARRAY[]::text[]),
        ('wallet_win_reversal', ARRAY['win_id'], 'brand_id', 'player_id', 'created_at',
         ARRAY[]::text[]),
        -- Events of bets have no seal, because a further row would slow down each bet.
        -- compare_bet_events compares them with the bets.
        ('wallet_outbox', ARRAY['event_id'], 'brand_id', 'player_id', 'occurred_at',
         ARRAY['published_at', 'attempts', 'publication_no', 'entry_id', 'resends']),
        ('wallet_topology', ARRAY['code', 'version'], NULL, NULL, NULL, ARRAY[]::text[]),
        ('wallet_policy', ARRAY['policy_key', 'version'], NULL, NULL, NULL, ARRAY[]::text[]),
        ('wallet_activation', ARRAY['activation_no'], NULL, NULL, NULL, ARRAY[]::text[]),
        ('wallet_currency', ARRAY['code'], NULL, NULL, NULL, ARRAY[]::text[])
$$;

CREATE OR REPLACE FUNCTION wallet.record_seal_hash(p_previous bytea, p_kind text, p_key jsonb,
                                                   p_version integer, p_brand uuid, p_player uuid,
                                                   p_content jsonb, p_sealed_at timestamptz)
RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT sha256(p_previous
                  || record_send(ROW(p_kind, convert_to(p_key::text, 'UTF8'), p_version, p_brand,
                                     p_player, convert_to(p_content::text, 'UTF8'), p_sealed_at)))
$$;

-- Trigger that seals a written record. Statements of a superuser are not sealed, even under another
-- role, so reconciliation finds the changed record. (A data migration must write its seals itself.)
-- Other roles can write such records only through the wallet's functions. An update fails with
-- RW013 if the record differed from its newest seal before, so no function acts on a changed
-- record.
CREATE OR REPLACE FUNCTION wallet.seal_record() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET TimeZone = 'UTC'
    SET bytea_output = 'hex' AS $$
DECLARE
    altered text;
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
        RETURN NULL;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        altered := wallet.altered(TG_TABLE_NAME, to_jsonb(OLD));
        IF altered IS NOT NULL THEN
            RAISE EXCEPTION 'a record of % is not as the wallet left it: %', TG_TABLE_NAME, altered
                USING ERRCODE = 'RW013';
        END IF;
    END IF;
    PERFORM wallet.put_seal(TG_TABLE_NAME, to_jsonb(NEW));
    RETURN NULL;
END $$;

-- Return the names of columns in which a row differs from its newest seal, or NULL.
CREATE OR REPLACE FUNCTION wallet.altered(p_kind text, p_row jsonb) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    k    record;
    seal jsonb;
BEGIN
    SELECT * INTO STRICT k FROM wallet.sealed_kinds() s WHERE s.kind = p_kind;
    SELECT w.content INTO seal FROM wallet.wallet_record_seal w
     WHERE w.kind = p_kind AND w.key = (SELECT jsonb_agg(p_row->u.name ORDER BY u.place)
                                          FROM unnest(k.keys) WITH ORDINALITY u(name, place))
     ORDER BY w.version DESC LIMIT 1;
    IF NOT FOUND THEN
        RETURN 'it was never sealed';
    END IF;
    RETURN (SELECT string_agg(e.key, ', ' ORDER BY e.key) FROM jsonb_each(seal) e
             WHERE p_row->e.key IS DISTINCT FROM e.value);
END $$;

-- Write a new seal of a record. The text of times and bytes depends on the settings TimeZone and
-- bytea_output, so each caller must set them like seal_record.
CREATE OR REPLACE FUNCTION wallet.put_seal(p_kind text, p_row jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    WITH known AS (
        SELECT (SELECT jsonb_agg(p_row->u.name ORDER BY u.place)
                  FROM unnest(k.keys) WITH ORDINALITY u(name, place)) AS key,
               (p_row->>k.brand)::uuid AS brand_id, (p_row->>k.player)::uuid AS player_id,
               p_row - k.unsealed AS content
          FROM wallet.sealed_kinds() k WHERE k.kind = p_kind
    )
    INSERT INTO wallet.wallet_record_seal (kind, key, version, brand_id, player_id, content,
                                           previous_hash, hash)
    SELECT p_kind, k.key, n.version, k.brand_id, k.player_id, k.content, n.hash,
           wallet.record_seal_hash(n.hash, p_kind, k.key, n.version, k.brand_id, k.player_id,
                                   k.content, now())
      FROM known k
     CROSS JOIN LATERAL (SELECT coalesce(max(s.version), 0) + 1 AS version,
                                coalesce((array_agg(s.hash ORDER BY s.version DESC))[1], '') AS hash
                           FROM (SELECT w.version, w.hash FROM wallet.wallet_record_seal w
                                  WHERE w.kind = p_kind AND w.key = k.key ORDER BY w.version DESC
                                  LIMIT 1) s) n;
END $$;
