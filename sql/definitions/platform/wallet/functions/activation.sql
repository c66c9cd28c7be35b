-- Functions for activation. Activation takes the gate lock exclusively, so no money command runs at
-- the same time.

-- Whether p_buckets has a bucket with the code, kind and provider types of p_bucket.
CREATE OR REPLACE FUNCTION wallet.keeps_bucket(p_buckets jsonb, p_bucket jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT EXISTS (
        SELECT FROM jsonb_array_elements(p_buckets) b
         WHERE b->>'code' = p_bucket->>'code' AND b->>'kind' = p_bucket->>'kind'
           AND coalesce(b->'provider_types', '[]') @> coalesce(p_bucket->'provider_types', '[]')
           AND coalesce(p_bucket->'provider_types', '[]') @> coalesce(b->'provider_types', '[]'))
$$;

-- Whether a topology version lacks a bucket that is in use, or changes its kind or provider types
-- (A7-8). Money can be only in buckets of the active version. So if the new version keeps all of
-- these buckets, the function does not look for money.
CREATE OR REPLACE FUNCTION wallet.strands(p_active_code text, p_active_version integer, p_code text,
                                          p_version integer) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    held  jsonb := (SELECT document->'buckets' FROM wallet_topology
                     WHERE (code, version) = (p_active_code, p_active_version));
    after jsonb := (SELECT document->'buckets' FROM wallet_topology
                     WHERE (code, version) = (p_code, p_version));
BEGIN
    IF p_active_code = p_code AND NOT EXISTS (SELECT FROM jsonb_array_elements(held) o
                                               WHERE NOT wallet.keeps_bucket(after, o)) THEN
        RETURN false;
    END IF;
    RETURN EXISTS (
        SELECT FROM live_reference r
         WHERE r.topology_code <> p_code
            OR r.bucket_type_code <> '' AND NOT EXISTS (SELECT FROM jsonb_array_elements(after) b
                                                         WHERE b->>'code' = r.bucket_type_code)
            OR p_active_code = p_code AND EXISTS (SELECT FROM jsonb_array_elements(held) o
                                                   WHERE o->>'code' = r.bucket_type_code
                                                     AND NOT wallet.keeps_bucket(after, o)));
END $$;

-- Activate a pair. Raises RW004 if another activation came in between, or if money is now in a
-- bucket that the new topology lacks. The gate lock is held exclusively until the commit, which
-- must follow at once. Money commands wait during this time. The lock timeout below and the
-- caller's statement timeout limit the wait. p_fence_token is NULL for a caller without a fencing
-- token.
CREATE OR REPLACE FUNCTION wallet.switch_active(p_activation_no bigint, p_topology text,
                                                p_topology_version integer, p_policy text,
                                                p_policy_version integer, p_caller text,
                                                p_request_id text, p_fence_token bigint)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wallet, pg_temp SET lock_timeout = '150ms' AS $$
DECLARE
    gate wallet_gate;
BEGIN
    PERFORM wallet.note_change(p_fence_token);
    LOCK TABLE wallet_gate IN EXCLUSIVE MODE;
    SELECT * INTO gate FROM wallet_gate FOR UPDATE;
    IF gate.activation_no IS DISTINCT FROM p_activation_no THEN
        RAISE EXCEPTION 'validated on activation %, now it is %', p_activation_no,
            gate.activation_no USING ERRCODE = 'RW004';
    END IF;
    IF wallet.strands(gate.topology_code, gate.topology_version, p_topology,
                      p_topology_version) THEN
        RAISE EXCEPTION 'money moved into a bucket that topology % version % does not keep',
            p_topology, p_topology_version
            USING ERRCODE = 'RW004';
    END IF;
    UPDATE wallet_policy SET state = 'SUPERSEDED'
        WHERE policy_key = p_policy AND state = 'ACTIVE' AND version <> p_policy_version;
    UPDATE wallet_topology SET state = 'SUPERSEDED'
        WHERE state = 'ACTIVE' AND (code, version) <> (p_topology, p_topology_version);
    UPDATE wallet_topology SET state = 'ACTIVE', activated_at = now()
        WHERE (code, version) = (p_topology, p_topology_version);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topology % version % does not exist', p_topology, p_topology_version
            USING ERRCODE = 'RW003';
    END IF;
    UPDATE wallet_policy SET state = 'ACTIVE', activated_at = now()
        WHERE (policy_key, version) = (p_policy, p_policy_version)
       AND (topology_code, topology_version) = (p_topology, p_topology_version);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'policy % version % does not exist for topology % version %', p_policy,
            p_policy_version, p_topology, p_topology_version
            USING ERRCODE = 'RW003';
    END IF;
    INSERT INTO wallet_activation (activation_no, topology_code, topology_version, policy_key,
                                   policy_version, from_topology_code,
                                   from_topology_version, from_policy_version, caller, request_id)
    VALUES (gate.activation_no + 1, p_topology, p_topology_version, p_policy, p_policy_version,
            gate.topology_code, gate.topology_version,
            gate.policy_version, p_caller, p_request_id);
    UPDATE wallet_gate SET topology_code = p_topology, topology_version = p_topology_version,
        policy_key = p_policy,
                           policy_version = p_policy_version,
                           activation_no = gate.activation_no + 1;
    RETURN gate.activation_no + 1;
END $$;
