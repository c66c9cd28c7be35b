-- name: gateway_read_maintenance
-- Whether the platform takes new business at all.
SELECT is_active, message, changed_at FROM gateway.maintenance;

-- name: gateway_write_maintenance
-- Open or close the door for new business, and say why.
UPDATE gateway.maintenance
   SET is_active = %(is_active)s, message = %(message)s, changed_at = clock_timestamp()
RETURNING is_active, message, changed_at;
