GRANT USAGE ON SCHEMA gateway TO gateway, rubyops_read, rubyops_ops;
GRANT SELECT ON ALL TABLES IN SCHEMA gateway TO gateway, rubyops_read, rubyops_ops;
GRANT UPDATE (is_active, message, changed_at) ON gateway.maintenance TO gateway;
GRANT INSERT (person, idempotency_key, is_active, message) ON gateway.maintenance_change TO gateway;
