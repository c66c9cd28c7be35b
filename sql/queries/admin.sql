-- name: admin_audit_command
-- Record a command before it is sent: the person, the command, its target and the reason.
INSERT INTO admin.command_audit (actor, command, target, brand_id, request_id, reason, body_sha256)
VALUES (%(actor)s, %(command)s, %(target)s, %(brand_id)s, %(request_id)s, %(reason)s,
        %(body_sha256)s)
RETURNING audit_id;

-- name: admin_claim_key
-- Claim an idempotency key of a person for a route. Returns no row if it was claimed before.
INSERT INTO admin.command_claim (actor, brand_id, route, idempotency_key, payload_sha256, audit_id)
VALUES (%(actor)s, %(brand_id)s, %(route)s, %(key)s, %(payload_sha256)s, %(audit_id)s)
ON CONFLICT DO NOTHING
RETURNING audit_id;

-- name: admin_audit_repeat
-- Record that a command repeats an idempotency key. Returns the first command and its answer.
UPDATE admin.command_audit a
   SET repeats = c.audit_id
  FROM admin.command_claim c
 WHERE a.audit_id = %(audit_id)s AND c.actor = %(actor)s
   AND c.brand_id IS NOT DISTINCT FROM %(brand_id)s::uuid
   AND c.route = %(route)s AND c.idempotency_key = %(key)s
RETURNING c.audit_id, c.payload_sha256, c.status, c.body;

-- name: admin_audit_answer
-- Record the answer to a command.
UPDATE admin.command_audit
   SET answered_at = clock_timestamp(), status = %(status)s, code = %(code)s
 WHERE audit_id = %(audit_id)s;

-- name: admin_keep_answer
-- Store the final answer, so that a repeat of the command gets the same answer.
UPDATE admin.command_claim SET status = %(status)s, body = %(body)s::json
 WHERE audit_id = %(audit_id)s AND status IS NULL;
