-- name: admin_audit_command
-- Before a command is sent: who wants what of whom.
INSERT INTO admin.command_audit (actor, command, target, brand_id, request_id, reason, body_sha256)
VALUES (%(actor)s, %(command)s, %(target)s, %(brand_id)s, %(request_id)s, %(reason)s, %(body_sha256)s)
RETURNING audit_id;

-- name: admin_audit_answer
-- After it: what the answer was.
UPDATE admin.command_audit
   SET answered_at = clock_timestamp(), status = %(status)s, code = %(code)s
 WHERE audit_id = %(audit_id)s;
