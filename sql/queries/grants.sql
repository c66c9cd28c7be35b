-- Every way in which a role could write money, found in the catalog by a SELECT-only role.
--
-- The parameter `guarded` has oids of relations; `writers` and `roles` have names of roles. Each
-- row has one way as a sentence. Privilege functions get oids of roles, because they raise an error
-- for the name of a role that was dropped meanwhile. The queries must run on PostgreSQL 15, so they
-- use pg_has_role and not the newer columns of pg_auth_members.

-- name: grants_guarded
-- Relations of schema wallet that hold rows, and their partitions and children in any schema.
-- `root` is the topmost ancestor in schema wallet. `grants_of_parents` reports parents in other
-- schemas.
WITH RECURSIVE guarded AS (
    SELECT c.oid, c.relname AS root, 0 AS depth FROM pg_class c
     WHERE c.relnamespace = 'wallet'::regnamespace AND c.relkind IN ('r', 'p', 'f', 'S')
    UNION
    SELECT i.inhrelid, g.root, g.depth + 1
      FROM pg_inherits i JOIN guarded g ON g.oid = i.inhparent
)
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS table,
       (array_agg(g.root::text ORDER BY g.depth DESC, g.root))[1] AS root, c.relkind::text AS kind,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum) AS columns
  FROM guarded g JOIN pg_class c ON c.oid = g.oid JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'f', 'S')
 GROUP BY c.oid, n.nspname ORDER BY 2, 3;

-- name: grants_roles
-- All roles. `judged` roles are neither superusers nor `trusted`. `writes` roles can write money,
-- by themselves or as members of another role.
SELECT r.rolname::text AS name,
       NOT r.rolsuper AND r.rolname <> ALL (%(trusted)s::text[]) AS judged,
       r.rolsuper OR EXISTS (
           SELECT FROM pg_roles t
            WHERE (t.rolsuper OR t.rolname = ANY (%(known)s::text[] || %(trusted)s::text[]))
              AND pg_has_role(r.oid, t.oid, 'MEMBER'))
       OR EXISTS (
           SELECT FROM unnest(%(guarded)s::oid[]) AS g(oid)
            WHERE has_table_privilege(r.oid, g.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')
               OR has_any_column_privilege(r.oid, g.oid, 'INSERT, UPDATE')) AS writes
  FROM pg_roles r ORDER BY 1;

-- name: grants_of_tables
-- Rights on guarded relations or their columns that are not in `known_writes`. A right of PUBLIC is
-- reported once, not for every role.
WITH relation AS (
    SELECT c.oid, n.nspname || '.' || c.relname AS name
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.oid = ANY (%(guarded)s::oid[])
), privilege AS (
    SELECT name, name IN ('INSERT', 'UPDATE', 'REFERENCES') AS by_column
      FROM unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']
                  || CASE WHEN current_setting('server_version_num')::integer >= 170000
                          THEN '{MAINTAIN}' ELSE '{}' END::text[]) AS name
), asked AS (
    SELECT role.name AS role, role.id AS role_id, p.name AS privilege, p.by_column, r.oid,
           r.name AS relation,
           role.name || ' ' || p.name || ' ' || r.name AS known_as
      FROM (SELECT n.name, coalesce(o.oid, 0) AS id FROM unnest(%(roles)s::text[]) AS n(name)
               LEFT JOIN pg_roles o ON o.rolname = n.name
              WHERE o.oid IS NOT NULL OR n.name = 'public') AS role CROSS JOIN relation r
              CROSS JOIN privilege p
), whole AS (
    SELECT role, privilege, relation FROM asked
     WHERE has_table_privilege(role_id, oid, privilege)
       AND (role = 'public' OR NOT has_table_privilege('public', oid, privilege))
       AND known_as <> ALL (%(known_writes)s::text[])
), part AS (
    SELECT role, privilege, relation FROM asked
      JOIN pg_attribute a ON a.attrelid = oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE by_column AND has_column_privilege(role_id, oid, a.attnum, privilege)
       AND NOT has_table_privilege(role_id, oid, privilege)
       AND (role = 'public' OR NOT has_column_privilege('public', oid, a.attnum, privilege))
       AND known_as || '.' || a.attname <> ALL (%(known_writes)s::text[])
), offence AS (SELECT * FROM whole UNION SELECT * FROM part)
SELECT role || ' has ' || privilege || ' on ' || relation AS way, count(*) OVER () AS total
  FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_parents
-- Parents of guarded relations outside schema wallet. A write through a parent needs rights on the
-- parent only.
WITH offence AS (
    SELECT i.inhrelid::regclass::text || ' is a child of ' || i.inhparent::regclass::text
           || ', whose rights are asked instead of its own: take it out with NO INHERIT or'
           || ' DETACH PARTITION' AS way
      FROM pg_inherits i
     WHERE i.inhrelid = ANY (%(guarded)s::oid[]) AND i.inhparent <> ALL (%(guarded)s::oid[])
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_foreign_keys
-- Foreign keys with CASCADE, SET NULL or SET DEFAULT, on guarded relations or on tables of a
-- writer. PostgreSQL makes such a change, and fires its triggers, with the rights of the table's
-- owner.
WITH offence AS (
    SELECT f.conname || ' of ' || f.conrelid::regclass::text || ' lets a change of '
           || f.confrelid::regclass::text || ' write there as ' || o.rolname
           || ': only NO ACTION and RESTRICT are allowed' AS way
      FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
      JOIN pg_roles o ON o.oid = c.relowner
     WHERE f.contype = 'f' AND (f.confupdtype IN ('c', 'n', 'd')
                                OR f.confdeltype IN ('c', 'n', 'd'))
       AND (f.conrelid = ANY (%(guarded)s::oid[]) OR o.rolname = ANY (%(writers)s::text[]))
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_functions
-- SECURITY DEFINER functions of a writer that another role may call, and that `known_calls` lacks.
SELECT role.name || ' has EXECUTE on ' || p.oid::regprocedure::text AS way,
       count(*) OVER () AS total
  FROM (SELECT n.name, coalesce(o.oid, 0) AS id FROM unnest(%(roles)s::text[]) AS n(name)
               LEFT JOIN pg_roles o ON o.rolname = n.name
              WHERE o.oid IS NOT NULL OR n.name = 'public') AS role CROSS JOIN pg_proc p
  JOIN pg_roles o ON o.oid = p.proowner JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND o.rolname = ANY (%(writers)s::text[]) AND o.rolname <> role.name
   AND has_function_privilege(role.id, p.oid, 'EXECUTE')
   AND (role.name = 'public' OR NOT has_function_privilege('public', p.oid, 'EXECUTE'))
   AND role.name || ' ' || n.nspname || '.' || p.proname <> ALL (%(known_calls)s::text[])
 ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_membership
-- Roles that are members of a writing role, directly or indirectly. The options INHERIT, SET and
-- ADMIN of the membership do not matter.
SELECT member.name || ' has MEMBER on ' || t.rolname AS way, count(*) OVER () AS total
  FROM (SELECT n.name, coalesce(o.oid, 0) AS id FROM unnest(%(roles)s::text[]) AS n(name)
               LEFT JOIN pg_roles o ON o.rolname = n.name
              WHERE o.oid IS NOT NULL OR n.name = 'public') AS member
  JOIN pg_roles t ON t.rolsuper OR t.rolname = ANY (%(known)s::text[] || %(trusted)s::text[])
 WHERE member.name NOT IN ('public', t.rolname) AND pg_has_role(member.id, t.oid, 'MEMBER')
 ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_attributes
-- Rights that override grants: unexpected superusers, CREATEROLE, owners that can log in, dangerous
-- parameters, and functions that write files of the server.
WITH offence AS (
    SELECT r.rolname || ' has SUPERUSER on the whole cluster' AS way FROM pg_roles r
     WHERE r.rolsuper AND r.oid <> 10 AND r.oid <> (
           SELECT c.relowner FROM pg_class c WHERE c.oid = 'public.alembic_version'::regclass)
    UNION ALL
    SELECT r.rolname || ' has CREATEROLE on the whole cluster' FROM pg_roles r
     WHERE r.rolcreaterole AND NOT r.rolsuper
       AND (r.rolname = ANY (%(platform_roles)s::text[])
            OR current_setting('server_version_num')::integer < 160000)
    UNION ALL
    SELECT r.rolname || ' has LOGIN on itself' FROM pg_roles r
     WHERE r.rolname = ANY (%(owners)s::text[]) AND r.rolcanlogin
    UNION ALL
    SELECT coalesce(r.rolname, 'public') || ' has ' || a.privilege_type || ' on parameter '
           || p.parname
      FROM pg_parameter_acl p CROSS JOIN LATERAL aclexplode(p.paracl) a
      LEFT JOIN pg_roles r ON r.oid = a.grantee
     WHERE r.rolsuper IS NOT TRUE
       AND (a.privilege_type = 'ALTER SYSTEM' OR p.parname = ANY (%(parameters)s::text[]))
    UNION ALL
    SELECT coalesce(r.rolname, 'every role') || ' starts with ' || setting
      FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
     CROSS JOIN LATERAL unnest(s.setconfig) AS setting
     WHERE split_part(setting, '=', 1) = ANY (%(parameters)s::text[])
       AND s.setdatabase IN (
           0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
    UNION ALL
    SELECT coalesce(r.rolname, 'every role') || ' starts with ' || setting
      FROM pg_db_role_setting s LEFT JOIN pg_roles r ON r.oid = s.setrole
     CROSS JOIN LATERAL unnest(s.setconfig) AS setting
     WHERE split_part(setting, '=', 1) = 'search_path'
       AND (r.oid IS NULL OR r.rolname = ANY (%(writers)s::text[]))
       AND s.setdatabase IN (
           0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
    UNION ALL
    SELECT 'the server has session_replication_role = ' || setting FROM pg_settings
     WHERE name = 'session_replication_role' AND setting <> 'origin'
    UNION ALL
    SELECT role.name || ' has EXECUTE on ' || p.oid::regprocedure::text
      FROM (SELECT n.name, coalesce(o.oid, 0) AS id FROM unnest(%(roles)s::text[]) AS n(name)
               LEFT JOIN pg_roles o ON o.rolname = n.name
              WHERE o.oid IS NOT NULL OR n.name = 'public') AS role CROSS JOIN pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND p.proname IN ('lo_export', 'pg_file_write', 'pg_reload_conf')
       AND has_function_privilege(role.id, p.oid, 'EXECUTE')
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_owners
-- Objects of schema wallet with a wrong owner, and roles with CREATE on a schema in which SECURITY
-- DEFINER functions look names up.
WITH thing AS (
    SELECT relowner AS owner, 'relation ' || oid::regclass::text AS name FROM pg_class
     WHERE oid = ANY (%(guarded)s::oid[]) OR relnamespace = 'wallet'::regnamespace
    UNION ALL
    SELECT typowner, 'type ' || oid::regtype::text FROM pg_type
     WHERE typnamespace = 'wallet'::regnamespace
    UNION ALL
    SELECT nspowner, 'schema ' || nspname FROM pg_namespace WHERE nspname = 'wallet'
    UNION ALL
    SELECT datdba, 'database ' || datname FROM pg_database WHERE datname = current_database()
), offence AS (
    SELECT o.rolname || ' owns ' || thing.name AS way
      FROM thing JOIN pg_roles o ON o.oid = thing.owner
     WHERE o.rolname <> 'wallet_owner' AND NOT o.rolsuper
    UNION ALL
    SELECT role.name || ' has CREATE on schema ' || n.nspname
      FROM (SELECT n.name, coalesce(o.oid, 0) AS id FROM unnest(%(roles)s::text[]) AS n(name)
               LEFT JOIN pg_roles o ON o.rolname = n.name
              WHERE o.oid IS NOT NULL OR n.name = 'public') AS role CROSS JOIN pg_namespace n
      LEFT JOIN pg_roles o ON o.oid = n.nspowner
     WHERE n.nspname = ANY (ARRAY['wallet', 'pg_catalog'] || %(neighbours)s::text[])
       AND has_schema_privilege(role.id, n.oid, 'CREATE')
       AND NOT (o.rolname = role.name AND o.rolname = ANY (%(owners)s::text[]))
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_to_come
-- Default privileges on future objects of a writer, and rights with GRANT OPTION.
WITH held AS (
    SELECT relacl AS acl, relowner AS owner, oid::regclass::text AS name FROM pg_class
     WHERE oid = ANY (%(guarded)s::oid[])
    UNION ALL
    SELECT a.attacl, c.relowner, c.oid::regclass::text || '.' || a.attname
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
     WHERE c.oid = ANY (%(guarded)s::oid[])
    UNION ALL
    SELECT proacl, proowner, oid::regprocedure::text FROM pg_proc
     WHERE pronamespace = 'wallet'::regnamespace
    UNION ALL
    SELECT nspacl, nspowner, 'schema ' || nspname FROM pg_namespace WHERE nspname = 'wallet'
), offence AS (
    SELECT coalesce(g.rolname, 'public') || ' gets ' || a.privilege_type || ' on whatever '
           || o.rolname || ' makes from now on' AS way
      FROM pg_default_acl d JOIN pg_roles o ON o.oid = d.defaclrole
     CROSS JOIN LATERAL aclexplode(d.defaclacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
     WHERE o.rolname = ANY (%(writers)s::text[]) AND a.grantee <> d.defaclrole
       AND a.privilege_type NOT IN ('SELECT', 'USAGE')
    UNION
    SELECT coalesce(g.rolname, 'public') || ' may grant ' || a.privilege_type || ' on '
           || held.name || ' to others'
      FROM held CROSS JOIN LATERAL aclexplode(held.acl) a
      LEFT JOIN pg_roles g ON g.oid = a.grantee
     WHERE a.is_grantable AND a.grantee <> held.owner
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_from_outside
-- Features that let another server or session write rows, or that hide rows: some extensions,
-- foreign servers, subscriptions, row security.
WITH offence AS (
    SELECT 'extension ' || extname || ' is installed, which connects or runs by itself' AS way
      FROM pg_extension
     WHERE extname IN ('dblink', 'adminpack', 'pg_cron', 'pg_background',
                       'postgres_fdw', 'file_fdw')
    UNION ALL
    SELECT 'foreign server ' || srvname || ' is defined' FROM pg_foreign_server
    UNION ALL
    SELECT 'user mapping of ' || usename || ' at foreign server ' || srvname FROM pg_user_mappings
    UNION ALL
    SELECT 'foreign table ' || ftrelid::regclass::text FROM pg_foreign_table
    UNION ALL
    SELECT 'subscription ' || s.subname || ' writes what another server publishes'
      FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid
     WHERE d.datname = current_database()
    UNION ALL
    SELECT 'row security is on for ' || c.oid::regclass::text || ', which hides rows'
      FROM pg_class c WHERE c.oid = ANY (%(guarded)s::oid[]) AND c.relrowsecurity
    UNION ALL
    SELECT 'policy ' || polname || ' on ' || polrelid::regclass::text
           || ' hides rows as soon as row security is on'
      FROM pg_policy WHERE polrelid = ANY (%(guarded)s::oid[])
    UNION ALL
    SELECT 'policy ' || polname || ' on ' || polrelid::regclass::text
           || ' runs as every writer that reads there'
      FROM pg_policy
     WHERE polrelid <> ALL (%(guarded)s::oid[])
       AND EXISTS (SELECT FROM pg_roles w
                    WHERE w.rolname = ANY (%(known)s::text[] || ARRAY['wallet_owner'])
                      AND (has_table_privilege(w.oid, polrelid, 'SELECT')
                           OR has_any_column_privilege(w.oid, polrelid, 'SELECT')))
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_movements
-- Whether the ledger or the counter-accounts have any entry.
SELECT EXISTS (SELECT FROM wallet.wallet_ledger)
       OR EXISTS (SELECT FROM wallet.wallet_counter_entry) AS present;
