-- name: control_read_freeze
-- The freeze level that the operators set. Every copy reads it four times a second.
SELECT level, epoch FROM control.freeze_state;

-- name: control_write_heartbeat
-- Write this copy's heartbeat: its freeze epoch, and whether it is ready. A new pid means that the
-- copy was restarted.
INSERT INTO control.service_copy AS c (process, copy, url, version, pid, acknowledged_epoch, ready,
                                       detail)
VALUES (%(process)s, %(copy)s, %(url)s, %(version)s, %(pid)s, %(acknowledged_epoch)s, %(ready)s,
        %(detail)s)
ON CONFLICT (process, copy) DO UPDATE
   SET url = excluded.url,
       version = excluded.version,
       started_at = CASE WHEN c.pid = excluded.pid THEN c.started_at ELSE clock_timestamp() END,
       pid = excluded.pid,
       heartbeat_at = clock_timestamp(),
       acknowledged_epoch = excluded.acknowledged_epoch,
       ready = excluded.ready,
       detail = excluded.detail;

-- name: control_read_copies
-- Every registered copy that has not announced its end, with the freeze epoch that it acknowledged
-- and the age of its heartbeat.
SELECT process, copy, acknowledged_epoch,
       greatest(0, extract(epoch FROM clock_timestamp() - heartbeat_at) * 1000)::bigint
           AS heartbeat_age_ms
  FROM control.service_copy WHERE NOT detail ? 'ended';

-- name: health_database
-- The cheapest query that proves that the database answers this role.
SELECT 1 AS answer;
