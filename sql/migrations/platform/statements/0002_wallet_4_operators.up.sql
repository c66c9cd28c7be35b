-- Activation, freezing and what operators may do. All take the gate lock alone, so no money command is half-way through.

-- Every (topology, bucket) that money, a grant, an open stake or a rolling obligation refers to (A7-8), with how many do.
CREATE VIEW wallet.live_reference AS
    SELECT topology_code, bucket_type_code, 'balance' AS held_by, count(*) AS references_count
      FROM wallet.wallet_bucket WHERE balance <> 0 GROUP BY 1, 2
    UNION ALL
    SELECT topology_code, '', 'coupon grant', count(*) FROM wallet.wallet_coupon_grant WHERE state = 'ACTIVE' GROUP BY 1
    UNION ALL
    SELECT split_part(reach.account, '/', 1), split_part(reach.account, '/', 2), 'open stake', count(*)
      FROM wallet.wallet_bet_authorization a, jsonb_array_elements_text(a.policy_snapshot->'reaches') AS reach(account)
     WHERE a.state = 'AUTHORIZED' GROUP BY 1, 2
    UNION ALL
    SELECT topology_code, bucket_type_code, 'rolling obligation', count(*)
      FROM wallet.wallet_rolling_obligation WHERE state = 'ACTIVE' GROUP BY 1, 2;

-- Whether a bucket of one topology document is the same in another: its kind, and the provider types it serves.
CREATE FUNCTION wallet.keeps_bucket(p_buckets jsonb, p_bucket jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT EXISTS (
        SELECT FROM jsonb_array_elements(p_buckets) b
         WHERE b->>'code' = p_bucket->>'code' AND b->>'kind' = p_bucket->>'kind'
           AND coalesce(b->'provider_types', '[]') @> coalesce(p_bucket->'provider_types', '[]')
           AND coalesce(p_bucket->'provider_types', '[]') @> coalesce(b->'provider_types', '[]'))
$$;

-- Whether a topology version would leave anything out of reach, or change what it is for (A7-8). Under the active pair money can reach
-- only the active version's buckets, so where all of these stay as they are nobody needs to look at the money itself.
CREATE FUNCTION wallet.strands(p_active_code text, p_active_version integer, p_code text, p_version integer) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    held  jsonb := (SELECT document->'buckets' FROM wallet_topology WHERE (code, version) = (p_active_code, p_active_version));
    after jsonb := (SELECT document->'buckets' FROM wallet_topology WHERE (code, version) = (p_code, p_version));
BEGIN
    IF p_active_code = p_code AND NOT EXISTS (SELECT FROM jsonb_array_elements(held) o WHERE NOT wallet.keeps_bucket(after, o)) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM live_reference r
         WHERE r.topology_code <> p_code
            OR r.bucket_type_code <> '' AND NOT EXISTS (SELECT FROM jsonb_array_elements(after) b WHERE b->>'code' = r.bucket_type_code)
            OR p_active_code = p_code AND EXISTS (SELECT FROM jsonb_array_elements(held) o
                                                   WHERE o->>'code' = r.bucket_type_code AND NOT wallet.keeps_bucket(after, o)));
END $$;

-- Make a pair the active one, if the pair that the caller validated it against still is; RW001 when the world moved on. The gate is
-- held alone from here to the commit, and nothing but this statement runs in between. Money waits as long as this waits for the gate
-- and holds it: the lock time-out below, and the statement time-out that the caller has set, bound both.
-- p_fence_token is the operator's; NULL for a caller that is under no fence.
CREATE FUNCTION wallet.switch_active(p_activation_no bigint, p_topology text, p_topology_version integer, p_policy text, p_policy_version integer,
                                     p_caller text, p_request_id text, p_fence_token bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '150ms' AS $$
DECLARE
    gate wallet_gate;
BEGIN
    PERFORM wallet.note_change(p_fence_token);
    LOCK TABLE wallet_gate IN EXCLUSIVE MODE;
    SELECT * INTO gate FROM wallet_gate FOR UPDATE;
    IF gate.activation_no IS DISTINCT FROM p_activation_no THEN
        RAISE EXCEPTION 'validated on activation %, now it is %', p_activation_no, gate.activation_no USING ERRCODE = 'RW004';
    END IF;
    IF wallet.strands(gate.topology_code, gate.topology_version, p_topology, p_topology_version) THEN
        RAISE EXCEPTION 'money moved into a bucket that topology % version % does not keep', p_topology, p_topology_version
            USING ERRCODE = 'RW004';
    END IF;
    UPDATE wallet_policy SET state = 'SUPERSEDED' WHERE policy_key = p_policy AND state = 'ACTIVE' AND version <> p_policy_version;
    UPDATE wallet_topology SET state = 'SUPERSEDED' WHERE state = 'ACTIVE' AND (code, version) <> (p_topology, p_topology_version);
    UPDATE wallet_topology SET state = 'ACTIVE', activated_at = now() WHERE (code, version) = (p_topology, p_topology_version);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topology % version % does not exist', p_topology, p_topology_version USING ERRCODE = 'RW003';
    END IF;
    UPDATE wallet_policy SET state = 'ACTIVE', activated_at = now() WHERE (policy_key, version) = (p_policy, p_policy_version)
       AND (topology_code, topology_version) = (p_topology, p_topology_version);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'policy % version % does not exist for topology % version %', p_policy, p_policy_version, p_topology, p_topology_version
            USING ERRCODE = 'RW003';
    END IF;
    INSERT INTO wallet_activation (activation_no, topology_code, topology_version, policy_key, policy_version, from_topology_code,
                                   from_topology_version, from_policy_version, caller, request_id)
    VALUES (gate.activation_no + 1, p_topology, p_topology_version, p_policy, p_policy_version, gate.topology_code, gate.topology_version,
            gate.policy_version, p_caller, p_request_id);
    UPDATE wallet_gate SET topology_code = p_topology, topology_version = p_topology_version, policy_key = p_policy,
                           policy_version = p_policy_version, activation_no = gate.activation_no + 1;
    RETURN gate.activation_no + 1;
END $$;

-- Raise the fence to a run's token. A token that was overtaken is refused here and in every function
-- below. Acts that hold the fence have to commit first; the caller asks again while one does.
CREATE FUNCTION wallet.advance_fence(p_token bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    held bigint;
BEGIN
    -- Tokens come from a sequence; a leap would lock out every run that follows.
    IF p_token > (SELECT fence_token FROM wallet_gate) + 1000000 THEN
        RAISE EXCEPTION 'fencing token % is not one that control has given', p_token USING ERRCODE = 'RB001';
    END IF;
    PERFORM 1 FROM wallet_fence FOR UPDATE;
    UPDATE wallet_gate SET fence_token = p_token WHERE fence_token <= p_token RETURNING fence_token INTO held;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'fencing token % was overtaken', p_token USING ERRCODE = 'RB001';
    END IF;
    RETURN held;
END $$;

-- A transaction locks the fence before the gate, so that no two wait for each other.
CREATE FUNCTION wallet.assert_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql SET search_path = wallet, pg_temp AS $$
BEGIN
    IF (SELECT fence_token FROM wallet_gate) IS DISTINCT FROM p_token THEN
        RAISE EXCEPTION 'fencing token % was overtaken', p_token USING ERRCODE = 'RB001';
    END IF;
    -- Until the transaction ends, `refuse_sealed` sees that the run in charge acts.
    PERFORM set_config('wallet.held_fence', p_token::text, true);
END $$;

-- Hold the fence until this transaction ends: no newer token can be raised before the act has
-- committed, and an act under an older token is refused.
CREATE FUNCTION wallet.hold_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM 1 FROM wallet_fence FOR SHARE;
    PERFORM wallet.assert_fence(p_token);
END $$;

-- Count a change of what the platform is, in the transaction that makes it, and hold the fence as
-- hold_fence does. NULL: the caller is under no fence, and the change is only counted.
CREATE FUNCTION wallet.note_change(p_token bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    counted bigint;
BEGIN
    UPDATE wallet_fence SET change_no = change_no + 1 RETURNING change_no INTO counted;
    IF p_token IS NOT NULL THEN
        PERFORM wallet.assert_fence(p_token);
    END IF;
    RETURN counted;
END $$;

CREATE FUNCTION wallet.strictness(p_level text) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
    SELECT array_position(ARRAY['open', 'ingress', 'sealed'], p_level)
$$;

-- Mirror a raised level of `control` into the fence row. It needs no token and only ever goes up:
-- a stricter level that was never lowered stays, under the new epoch.
-- New money commands see it at once; those under way may still act, until `settle_freeze`.
CREATE FUNCTION wallet.raise_freeze(p_level text, p_epoch bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '250ms' AS $$
BEGIN
    IF p_level NOT IN ('ingress', 'sealed') THEN
        RAISE EXCEPTION 'level % is no freeze', p_level USING ERRCODE = 'RB002';
    END IF;
    UPDATE wallet_gate
       SET freeze_level = CASE WHEN wallet.strictness(freeze_level) > wallet.strictness(p_level)
                               THEN freeze_level ELSE p_level END,
           freeze_epoch = p_epoch
     WHERE freeze_epoch < p_epoch;
    RETURN (SELECT freeze_epoch FROM wallet_gate);
END $$;

-- Wait until no money command is left that saw an earlier level, and say so in the fence row.
-- A longer patience than the commands' own lock time-out gets through however many are under way.
CREATE FUNCTION wallet.settle_freeze(p_epoch bigint, p_patience_ms integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', least(p_patience_ms, 5000) || 'ms', true);
    IF (SELECT settled_epoch < p_epoch FROM wallet_gate) THEN
        LOCK TABLE wallet_gate IN EXCLUSIVE MODE;
        UPDATE wallet_gate SET settled_epoch = freeze_epoch WHERE freeze_epoch = p_epoch;
    END IF;
    RETURN (SELECT settled_epoch FROM wallet_gate);
END $$;

-- Mirror a lowered level of `control`; only the run in charge may, under its token, and only on the
-- change that was verified. The held fence keeps a newer one out until this has committed. NULL:
-- nothing was verified, because nothing is frozen.
CREATE FUNCTION wallet.lower_freeze(p_token bigint, p_level text, p_epoch bigint,
                                    p_change_no bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '250ms' AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM wallet.hold_fence(p_token);
    SELECT change_no INTO changed FROM wallet_fence;
    IF p_change_no <> changed THEN
        RAISE EXCEPTION 'the platform was changed since its verification (change %, verified %)',
            changed, p_change_no USING ERRCODE = 'RB005';
    END IF;
    IF p_change_no IS NULL AND (SELECT freeze_level FROM wallet_gate) <> 'open' THEN
        RAISE EXCEPTION 'the freeze is not verified' USING ERRCODE = 'RB005';
    END IF;
    -- An epoch has one level in `control`; the row may have it already, under a stricter level.
    UPDATE wallet_gate SET freeze_level = p_level, freeze_epoch = p_epoch, settled_epoch = p_epoch
     WHERE freeze_epoch <= p_epoch;
    RETURN (SELECT freeze_epoch FROM wallet_gate);
END $$;

-- Let one canary player through the freeze for a while, under the run that holds the fence.
CREATE FUNCTION wallet.issue_canary_pass(p_token_hash bytea, p_run_id text, p_token bigint, p_brand_id uuid, p_player_id uuid,
                                         p_expires_at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM wallet.hold_fence(p_token);
    PERFORM 1 FROM wallet_player WHERE brand_id = p_brand_id AND player_id = p_player_id AND canary;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'player % is not a canary', p_player_id USING ERRCODE = 'RW003';
    END IF;
    DELETE FROM wallet_canary_pass WHERE expires_at < now();
    INSERT INTO wallet_canary_pass VALUES (p_token_hash, p_run_id, p_token, p_brand_id, p_player_id, p_expires_at) ON CONFLICT DO NOTHING;
END $$;

-- Count unpublished events while no writer can be half-way: the table lock waits for open transactions, then the count is exact.
CREATE FUNCTION wallet.count_unpublished(p_lock_timeout_ms integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
BEGIN
    PERFORM set_config('lock_timeout', p_lock_timeout_ms || 'ms', true);
    LOCK TABLE wallet_outbox IN SHARE MODE;
    RETURN (SELECT count(*) FROM wallet_outbox WHERE published_at IS NULL);
END $$;

-- Put one event through the outbox that moves nothing, to see that events arrive; the same effect gives the same event.
CREATE FUNCTION wallet.publish_canary(p_effect_id text, p_token bigint, p_brand_id uuid,
                                      p_player_id uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp AS $$
DECLARE
    event uuid := md5(p_effect_id)::uuid;
BEGIN
    PERFORM wallet.hold_fence(p_token);
    INSERT INTO wallet_outbox (event_id, partition_no, brand_id, player_id, player_version, event_no,
                               event_type, payload, occurred_at, restore_epoch)
    SELECT event, 0, p_brand_id, p_player_id, 0, 1, 'OUTBOX_CANARY', '{}', now(), g.restore_epoch FROM wallet_gate g
    ON CONFLICT DO NOTHING;
    RETURN event;
END $$;
