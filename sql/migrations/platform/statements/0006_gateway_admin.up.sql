-- The gateway's own lever against new business, and the audit of what the back office commanded.
CREATE SCHEMA gateway;

CREATE TABLE gateway.maintenance (
    one        smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    is_active  boolean NOT NULL DEFAULT false,
    message    text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO gateway.maintenance DEFAULT VALUES;

-- Every change of the switch, whose it was, and the key that it came under. A row is for good.
CREATE TABLE gateway.maintenance_change (
    person          text NOT NULL,
    idempotency_key text NOT NULL,
    is_active       boolean NOT NULL,
    message         text NOT NULL,
    changed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (person, idempotency_key)
);

CREATE SCHEMA admin;

-- Written before the command is sent; the answer is filled in after it. A row without one: the
-- outcome was never learnt.
CREATE TABLE admin.command_audit (
    audit_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    commanded_at timestamptz NOT NULL DEFAULT now(),
    actor        text NOT NULL,
    command      text NOT NULL,
    target       text NOT NULL,
    brand_id     uuid,
    request_id   text NOT NULL,
    reason       text,
    body_sha256  bytea NOT NULL,
    -- The first command under the same key, where this one came under a used key.
    repeats      bigint REFERENCES admin.command_audit,
    answered_at  timestamptz,
    status       integer,
    code         text
);
CREATE INDEX command_audit_target ON admin.command_audit (target, audit_id);

-- A person's key names one command on a route, for good; the row keeps its digest and its final
-- answer.
CREATE TABLE admin.command_claim (
    actor           text NOT NULL,
    brand_id        uuid,
    route           text NOT NULL,
    idempotency_key text NOT NULL,
    payload_sha256  bytea NOT NULL,
    audit_id        bigint NOT NULL REFERENCES admin.command_audit,
    status          integer,
    body            json,
    UNIQUE NULLS NOT DISTINCT (actor, brand_id, route, idempotency_key)
);
