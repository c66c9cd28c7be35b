-- The gateway's own lever against new business, and the audit of what the back office commanded.
CREATE SCHEMA gateway;

CREATE TABLE gateway.maintenance (
    one        smallint PRIMARY KEY DEFAULT 1 CHECK (one = 1),
    is_active  boolean NOT NULL DEFAULT false,
    message    text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO gateway.maintenance DEFAULT VALUES;

GRANT USAGE ON SCHEMA gateway TO gateway, rubyops_read, rubyops_ops;
GRANT SELECT ON gateway.maintenance TO gateway, rubyops_read, rubyops_ops;
GRANT UPDATE (is_active, message, changed_at) ON gateway.maintenance TO gateway;

CREATE SCHEMA admin;

-- Written before the command is sent; the answer is filled in after it. A row without one: the outcome was never learnt.
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
    answered_at  timestamptz,
    status       integer,
    code         text
);
CREATE INDEX command_audit_target ON admin.command_audit (target, audit_id);

GRANT USAGE ON SCHEMA admin TO admin_service, rubyops_read, rubyops_ops;
GRANT SELECT ON admin.command_audit TO admin_service, rubyops_read, rubyops_ops;
GRANT INSERT ON admin.command_audit TO admin_service;
GRANT UPDATE (answered_at, status, code) ON admin.command_audit TO admin_service;
