GRANT USAGE ON SCHEMA admin TO admin_service, rubyops_read, rubyops_ops;
GRANT SELECT ON ALL TABLES IN SCHEMA admin TO admin_service, rubyops_read, rubyops_ops;
GRANT INSERT, UPDATE (repeats, answered_at, status, code) ON admin.command_audit TO admin_service;
GRANT INSERT (actor, brand_id, route, idempotency_key, payload_sha256, audit_id),
    UPDATE (status, body) ON admin.command_claim TO admin_service;
