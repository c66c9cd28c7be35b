-- name: gateway_read_maintenance
-- Whether the platform takes new business at all.
SELECT is_active, message, changed_at FROM gateway.maintenance;

-- name: gateway_write_maintenance
-- Open or close the door for new business, and say why.
UPDATE gateway.maintenance
   SET is_active = %(is_active)s, message = %(message)s, changed_at = now()
RETURNING is_active, message, changed_at;

-- name: gateway_claim_maintenance
-- Record who wants the door closed or opened; no row where this key of this person was used before.
INSERT INTO gateway.maintenance_change (person, idempotency_key, is_active, message)
VALUES (%(person)s, %(key)s, %(is_active)s, %(message)s)
ON CONFLICT DO NOTHING
RETURNING changed_at;

-- name: gateway_claimed_maintenance
-- The wish that used this key of this person.
SELECT is_active, message, changed_at FROM gateway.maintenance_change
 WHERE person = %(person)s AND idempotency_key = %(key)s;
