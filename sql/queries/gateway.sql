-- name: gateway_read_maintenance
-- The maintenance mode: while active, the gateway refuses new business.
SELECT is_active, message, changed_at FROM gateway.maintenance;

-- name: gateway_write_maintenance
-- Switch the maintenance mode on or off, with a message.
UPDATE gateway.maintenance
   SET is_active = %(is_active)s, message = %(message)s, changed_at = now()
RETURNING is_active, message, changed_at;

-- name: gateway_claim_maintenance
-- Claim a person's idempotency key for a change of the maintenance mode. Returns no row if the key
-- was claimed before.
INSERT INTO gateway.maintenance_change (person, idempotency_key, is_active, message)
VALUES (%(person)s, %(key)s, %(is_active)s, %(message)s)
ON CONFLICT DO NOTHING
RETURNING changed_at;

-- name: gateway_claimed_maintenance
-- The change of the maintenance mode that claimed this idempotency key.
SELECT is_active, message, changed_at FROM gateway.maintenance_change
 WHERE person = %(person)s AND idempotency_key = %(key)s;
