-- name: admin_audit_command
-- Before a command is sent: who wants what of whom.
INSERT INTO admin.command_audit (actor, command, target, brand_id, request_id, reason, body_sha256)
VALUES (%(actor)s, %(command)s, %(target)s, %(brand_id)s, %(request_id)s, %(reason)s,
        %(body_sha256)s)
RETURNING audit_id;

-- name: admin_claim_key
-- Use a person's key on a route; no row where it was used before.
INSERT INTO admin.command_claim (actor, brand_id, route, idempotency_key, payload_sha256, audit_id)
VALUES (%(actor)s, %(brand_id)s, %(route)s, %(key)s, %(payload_sha256)s, %(audit_id)s)
ON CONFLICT DO NOTHING
RETURNING audit_id;

-- name: admin_audit_repeat
-- Note that a command came under a used key, and tell what that was used for.
UPDATE admin.command_audit a
   SET repeats = c.audit_id
  FROM admin.command_claim c
 WHERE a.audit_id = %(audit_id)s AND c.actor = %(actor)s
   AND c.brand_id IS NOT DISTINCT FROM %(brand_id)s::uuid
   AND c.route = %(route)s AND c.idempotency_key = %(key)s
RETURNING c.audit_id, c.payload_sha256, c.status, c.body;

-- name: admin_audit_answer
-- After a command: what the answer was.
UPDATE admin.command_audit
   SET answered_at = clock_timestamp(), status = %(status)s, code = %(code)s
 WHERE audit_id = %(audit_id)s;

-- name: admin_keep_answer
-- Keep the final answer for a repeat of the command that claimed its key.
UPDATE admin.command_claim SET status = %(status)s, body = %(body)s::json
 WHERE audit_id = %(audit_id)s AND status IS NULL;
