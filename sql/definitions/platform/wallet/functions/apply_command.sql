-- Money moves only through apply_command. wallet_service reads a state with read_state, decides in
-- Python, and calls apply_command to write the decision.
--
-- The helper functions do not set search_path, because setting it for each call would slow a bet
-- down, and only apply_command may call them. read_state and apply_command force generic plans,
-- because PostgreSQL would otherwise plan the statements again for each command. The helpers of a
-- bet return a value, because a call in an expression is ten times cheaper than PERFORM.

-- The gate lock is a table lock on wallet_gate. Money commands share it (ROW SHARE, a fast-path
-- lock), and activation and freezing take it exclusively (EXCLUSIVE). Roles that can log in have no
-- right to take either. Readers and dumps do not conflict with these modes.

-- Whether a command may run at the present freeze level. Ingress refuses new business, and sealed
-- refuses everything. A valid canary pass of the run that holds the fence is accepted at each
-- level. An invalid token is refused at each level, even at `open`.
CREATE OR REPLACE FUNCTION wallet.passes_freeze(g wallet.wallet_gate, p_brand uuid, p_player uuid,
                                                p_canary_token text, p_starts_new boolean)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF p_canary_token IS NULL THEN
        RETURN g.freeze_level = 'open' OR (g.freeze_level = 'ingress' AND NOT p_starts_new);
    END IF;
    RETURN EXISTS (
        SELECT FROM wallet_canary_pass k
         WHERE k.token_hash = sha256(convert_to(p_canary_token, 'UTF8'))
           AND k.fence_token = g.fence_token
           AND k.brand_id = p_brand AND k.player_id = p_player
           AND k.expires_at > clock_timestamp());
END $$;

-- Write the other records and the events of a decision, besides its legs and its bet.
-- `p_last_event` is the event number of the last of these events.
CREATE OR REPLACE FUNCTION wallet.put_records(c wallet.command, p_restore_epoch bigint,
                                              p_last_event bigint)
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    r jsonb := c.records;
BEGIN
    IF r ? 'reference' THEN
        INSERT INTO wallet_reference (brand_id, command, reference, player_id, transaction_id)
        VALUES (c.brand_id, c.command, r->>'reference', c.player_id, c.transaction_id);
    END IF;
    IF r ? 'win' THEN
        PERFORM wallet.put_win(c, r->'win');
    END IF;
    IF r ? 'cash_transaction' THEN
        PERFORM wallet.put_cash_transaction(c, r->'cash_transaction');
    END IF;
    IF r ? 'transfers' THEN
        PERFORM wallet.put_transfers(c);
    END IF;
    IF r ? 'locks' THEN
        PERFORM wallet.put_locks(c);
    END IF;
    IF r ?| ARRAY['locks', 'transfers'] THEN
        PERFORM wallet.refuse_unlocked(c);
    END IF;
    IF r ?| ARRAY['transfers', 'obligations_opened', 'obligations_closed'] THEN
        PERFORM wallet.follow_turnover(c);
    END IF;
    IF r ? 'obligations_opened' OR r ? 'obligations_closed' THEN
        PERFORM wallet.put_obligations(c);
    END IF;
    IF r ? 'grants_closed' THEN
        PERFORM wallet.close_grants(c);
    END IF;
    IF r ? 'findings' THEN
        INSERT INTO wallet_finding (kind, subject, brand_id, player_id, details, request_id)
        SELECT f->>'kind', f->>'subject', c.brand_id, c.player_id, f->'details', c.request_id
          FROM jsonb_array_elements(r->'findings') f
        ON CONFLICT DO NOTHING;
    END IF;
    IF r ?| ARRAY['bonus', 'adjustment', 'obligations_changed', 'obligations_closed'] THEN
        PERFORM wallet.put_movement(c);
    END IF;
    IF r ? 'events' THEN
        INSERT INTO wallet_outbox (event_id, partition_no, brand_id, player_id, player_version,
                                   event_no, event_type, payload, occurred_at, restore_epoch)
        SELECT (e->>'event_id')::uuid, (e->>'partition_no')::smallint, c.brand_id, c.player_id,
               c.player_version + 1,
               p_last_event - jsonb_array_length(r->'events') + n, e->>'event_type', e->'payload',
               now(),
               p_restore_epoch
          FROM jsonb_array_elements(r->'events') WITH ORDINALITY AS each (e, n);
    END IF;
END $$;

-- Apply one decided command, or change nothing. Returns the outcome "applied" or "frozen". The
-- caller must read the state again and decide again after these errors: RW001 (the player's version
-- changed), RW010 (another pair was activated), 23505 (the request id is used). RW011 is final: the
-- request was answered before, and the answer was deleted. RW014 refuses to release money whose
-- turnover is still open.
CREATE OR REPLACE FUNCTION wallet.apply_command(c wallet.command) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    gate  wallet_gate;
    held  text;
    stake bigint;
    state text;
    last_event bigint;
    claimed boolean;
    counted boolean;
    -- True if any field of the bet is set. So a bet without a state raises an error later.
    of_a_bet boolean := NOT (c.bet IS NULL);
BEGIN
    -- Only commands of an operator or a canary lock the fence. A canary's pass must stay valid
    -- until the commit, so no newer run may get the fence before.
    IF c.fence_token IS NOT NULL THEN
        PERFORM 1 FROM wallet_fence FOR UPDATE;
    ELSIF c.canary_token IS NOT NULL THEN
        PERFORM 1 FROM wallet_fence FOR SHARE;
    END IF;
    LOCK TABLE wallet_gate IN ROW SHARE MODE;
    SELECT * INTO gate FROM wallet_gate;
    IF (gate.freeze_level <> 'open' OR c.canary_token IS NOT NULL)
       AND wallet.passes_freeze(gate, c.brand_id, c.player_id, c.canary_token,
                                c.starts_new) IS NOT TRUE THEN
        RETURN jsonb_build_object('outcome', 'frozen', 'level', gate.freeze_level);
    END IF;
    IF c.fence_token IS NOT NULL THEN
        PERFORM wallet.note_change(c.fence_token);
    END IF;
    IF gate.activation_no IS DISTINCT FROM c.activation_no THEN
        RAISE EXCEPTION 'decided on activation %, now it is %', c.activation_no, gate.activation_no
            USING ERRCODE = 'RW010';
    END IF;
    INSERT INTO wallet_idempotency (brand_id, caller, route, request_id, fingerprint, status, body,
                                    transaction_id)
    VALUES (c.brand_id, c.caller, c.route, c.request_id, c.fingerprint, c.status, c.body,
            c.transaction_id);
    -- This statement must follow the insert above. The insert waits for a concurrent prune of the
    -- same answer, so this statement sees the claim that the prune wrote.
    UPDATE wallet_player p
       SET version = c.player_version + 1,
           event_no = p.event_no + coalesce(jsonb_array_length(c.records->'events'), 0)
     WHERE p.brand_id = c.brand_id AND p.player_id = c.player_id AND p.version = c.player_version
    RETURNING p.currency, p.event_no, EXISTS (SELECT FROM wallet_claim k
                                               WHERE k.transaction_id = c.transaction_id) INTO held,
                                                   last_event, claimed;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'decided on player version %', c.player_version USING ERRCODE = 'RW001';
    ELSIF claimed THEN
        RAISE EXCEPTION 'request % was answered before, and its answer was pruned', c.request_id
            USING ERRCODE = 'RW011';
    END IF;
    IF held IS DISTINCT FROM c.currency THEN
        RAISE EXCEPTION 'the player''s wallet is in %, the command in %', held, c.currency
            USING ERRCODE = 'RW003';
    END IF;
    IF c.records ? 'grants_opened' THEN
        PERFORM wallet.open_grants(c);
    END IF;
    stake := wallet.move_legs(c, gate.restore_epoch);
    -- This IF has no subquery, so PL/pgSQL evaluates it without a query for each new bet.
    IF (c.bet).from_state IS NOT NULL THEN
        IF EXISTS (SELECT FROM wallet_turnover t
                    WHERE t.brand_id = c.brand_id AND t.player_id = c.player_id) THEN
            counted := wallet.count_turnover(c);
        END IF;
    END IF;
    IF of_a_bet THEN
        state := wallet.put_authorization(c, c.bet, stake);
    ELSIF stake IS DISTINCT FROM 0 THEN
        RAISE EXCEPTION 'a stake of % moved without an authorization', stake
            USING ERRCODE = 'RW003';
    END IF;
    IF c.records IS NOT NULL THEN
        PERFORM wallet.put_records(c, gate.restore_epoch, last_event);
    END IF;
    IF NOT of_a_bet AND jsonb_array_length(c.legs) > 0 THEN
        PERFORM wallet.refuse_release(c);
    END IF;
    RETURN '{"outcome": "applied"}';
END $$;

-- Apply several decided commands in one transaction, each in a subtransaction. A failed command
-- does not affect the others. The outcomes have the order of the commands. The limit is 50, because
-- more than 64 open subtransactions slow down all other snapshots. The caller must sort the
-- commands by player, so that two batches cannot deadlock. A waiting batch holds locks of its
-- earlier players and the gate lock, so the rest fails after three seconds.
CREATE OR REPLACE FUNCTION wallet.apply_commands(p_commands jsonb) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp
    SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    outcomes jsonb := '[]';
    outcome  jsonb;
    at       text;
    until    timestamptz := clock_timestamp() + interval '3 seconds';
BEGIN
    IF jsonb_array_length(p_commands) > 50 THEN
        RAISE EXCEPTION 'at most 50 commands go together, found %', jsonb_array_length(p_commands)
            USING ERRCODE = 'RW003';
    END IF;
    FOR place IN 0 .. jsonb_array_length(p_commands) - 1 LOOP
        BEGIN
            IF clock_timestamp() > until THEN
                RAISE EXCEPTION 'the batch has waited too long' USING ERRCODE = '55P03';
            END IF;
            outcome := wallet.apply_command(jsonb_populate_record(NULL::wallet.command,
                    p_commands->place));
            -- Check deferred constraints after each command, so that only this command fails.
            SET CONSTRAINTS ALL IMMEDIATE;
            SET CONSTRAINTS ALL DEFERRED;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS at = PG_EXCEPTION_CONTEXT;
            outcome := jsonb_build_object('outcome', 'failed', 'sqlstate', SQLSTATE,
                                          'message', SQLERRM, 'context', at);
        END;
        outcomes := outcomes || jsonb_build_array(outcome);
    END LOOP;
    RETURN outcomes;
END $$;

-- Register a player with the currency of the wallet, and return the stored currency. A repeat
-- changes nothing. Under a seal only the run that holds the fence may register a player, and only a
-- canary.
CREATE OR REPLACE FUNCTION wallet.register_player(p_brand uuid, p_player uuid, p_currency text,
                                                  p_canary boolean) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    held text;
BEGIN
    IF NOT (p_canary AND coalesce(current_setting('wallet.held_fence', true), '')
            = (SELECT fence_token::text FROM wallet_gate)) THEN
        PERFORM wallet.hold_unsealed();
    END IF;
    INSERT INTO wallet_player (brand_id, player_id, currency, canary)
        VALUES (p_brand, p_player, p_currency, p_canary) ON CONFLICT DO NOTHING;
    SELECT currency INTO held FROM wallet_player WHERE brand_id = p_brand AND player_id = p_player;
    RETURN held;
END $$;
