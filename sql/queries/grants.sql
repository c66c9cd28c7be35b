-- Every way by which a role could come to write money, read from the catalog by a SELECT-only role.
-- They run on PostgreSQL 15 and newer: pg_has_role tells membership, not the columns of 16.
-- `guarded` are oids of relations, `writers` and `roles` are names; a row of a way is a sentence.

-- name: grants_guarded
-- Relations of schema wallet that hold rows, with their partitions and children in any schema.
WITH RECURSIVE guarded AS (
    SELECT c.oid, c.relname AS root FROM pg_class c
     WHERE c.relnamespace = 'wallet'::regnamespace AND c.relkind IN ('r', 'p', 'f', 'S')
       AND NOT c.relispartition
    UNION
    SELECT i.inhrelid, g.root FROM pg_inherits i JOIN guarded g ON g.oid = i.inhparent
)
SELECT c.oid::bigint AS oid, n.nspname::text AS schema, c.relname::text AS table,
       min(g.root)::text AS root, c.relkind::text AS kind,
       ARRAY(SELECT a.attname::text FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum) AS columns
  FROM guarded g JOIN pg_class c ON c.oid = g.oid JOIN pg_namespace n ON n.oid = c.relnamespace
 GROUP BY c.oid, n.nspname ORDER BY 2, 3;

-- name: grants_roles
-- Roles whose rights are judged (no superuser, none that is `trusted`), and roles that can write.
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
-- Rights on guarded relations, whole or by column, beyond the list; a right of PUBLIC is told once.
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
    SELECT role.name AS role, p.name AS privilege, p.by_column, r.oid, r.name AS relation,
           role.name || ' ' || p.name || ' ' || r.name AS known_as
      FROM unnest(%(roles)s::text[]) AS role(name) CROSS JOIN relation r CROSS JOIN privilege p
), whole AS (
    SELECT role, privilege, relation FROM asked
     WHERE has_table_privilege(role, oid, privilege)
       AND (role = 'public' OR NOT has_table_privilege('public', oid, privilege))
       AND known_as <> ALL (%(known_writes)s::text[])
), part AS (
    SELECT role, privilege, relation FROM asked
      JOIN pg_attribute a ON a.attrelid = oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE by_column AND has_column_privilege(role, oid, a.attnum, privilege)
       AND NOT has_table_privilege(role, oid, privilege)
       AND (role = 'public' OR NOT has_column_privilege('public', oid, a.attnum, privilege))
       AND known_as || '.' || a.attname <> ALL (%(known_writes)s::text[])
), offence AS (SELECT * FROM whole UNION SELECT * FROM part)
SELECT role || ' has ' || privilege || ' on ' || relation AS way, count(*) OVER () AS total
  FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_functions
-- Functions with the rights of a role that can write, which others may call beyond the list.
SELECT role.name || ' has EXECUTE on ' || p.oid::regprocedure::text AS way,
       count(*) OVER () AS total
  FROM unnest(%(roles)s::text[]) AS role(name) CROSS JOIN pg_proc p
  JOIN pg_roles o ON o.oid = p.proowner JOIN pg_namespace n ON n.oid = p.pronamespace
 WHERE p.prosecdef AND o.rolname = ANY (%(writers)s::text[]) AND o.rolname <> role.name
   AND has_function_privilege(role.name, p.oid, 'EXECUTE')
   AND (role.name = 'public' OR NOT has_function_privilege('public', p.oid, 'EXECUTE'))
   AND role.name || ' ' || n.nspname || '.' || p.proname <> ALL (%(known_calls)s::text[])
 ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_membership
-- Roles that may become a role that can write: at any depth, whatever INHERIT, SET or ADMIN say.
SELECT member.name || ' has MEMBER on ' || t.rolname AS way, count(*) OVER () AS total
  FROM unnest(%(roles)s::text[]) AS member(name)
  JOIN pg_roles t ON t.rolsuper OR t.rolname = ANY (%(known)s::text[] || %(trusted)s::text[])
 WHERE member.name NOT IN ('public', t.rolname) AND pg_has_role(member.name, t.oid, 'MEMBER')
 ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_attributes
-- Roles above all grants: unexpected superusers, makers of members, owners that log in, parameters.
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
    SELECT 'the server has session_replication_role = ' || setting FROM pg_settings
     WHERE name = 'session_replication_role' AND setting <> 'origin'
    UNION ALL
    SELECT role.name || ' has EXECUTE on ' || p.oid::regprocedure::text
      FROM unnest(%(roles)s::text[]) AS role(name) CROSS JOIN pg_proc p
     WHERE p.pronamespace = 'pg_catalog'::regnamespace
       AND p.proname IN ('lo_export', 'pg_file_write', 'pg_reload_conf')
       AND has_function_privilege(role.name, p.oid, 'EXECUTE')
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_owners
-- Owners in schema wallet other than its own, and who may create where definer functions look.
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
      FROM unnest(%(roles)s::text[]) AS role(name) CROSS JOIN pg_namespace n
      LEFT JOIN pg_roles o ON o.oid = n.nspowner
     WHERE n.nspname IN ('wallet', 'rolling', 'player', 'pg_catalog')
       AND has_schema_privilege(role.name, n.oid, 'CREATE')
       AND NOT (o.rolname = role.name AND o.rolname = ANY (%(owners)s::text[]))
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_to_come
-- Default privileges on what a role that can write will make, and grants that may be handed on.
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

-- name: grants_of_views
-- Views, at any depth, over guarded relations that others may write; rules that write or swallow.
WITH RECURSIVE reaching AS (
    SELECT g.oid, g.oid AS leads_to FROM unnest(%(guarded)s::oid[]) AS g(oid)
    UNION
    SELECT w.ev_class, r.leads_to FROM reaching r
      JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = r.oid
                      AND d.classid = 'pg_rewrite'::regclass
      JOIN pg_rewrite w ON w.oid = d.objid AND w.rulename = '_RETURN'
), written AS (
    SELECT role.name AS role, privilege, c.oid, r.leads_to
      FROM reaching r JOIN pg_class c ON c.oid = r.oid AND c.relkind IN ('v', 'm')
     CROSS JOIN unnest(%(roles)s::text[]) AS role(name)
     CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRIGGER']) AS privilege
     WHERE role.name <> pg_get_userbyid(c.relowner)
       AND (has_table_privilege(role.name, c.oid, privilege)
            OR privilege IN ('INSERT', 'UPDATE')
               AND has_any_column_privilege(role.name, c.oid, privilege))
), offence AS (
    SELECT role || ' has ' || privilege || ' on view ' || oid::regclass::text
           || ', which leads to ' || min(leads_to::regclass::text) AS way
      FROM written GROUP BY role, privilege, oid
    UNION
    SELECT 'rule ' || w.rulename || ' on ' || w.ev_class::regclass::text
           || ' writes, or keeps others from writing, ' || min(r.leads_to::regclass::text)
      FROM pg_rewrite w
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                      AND d.refclassid = 'pg_class'::regclass
      JOIN reaching r ON r.oid = d.refobjid
     WHERE w.rulename <> '_RETURN'
     GROUP BY w.oid, w.rulename, w.ev_class
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_triggers
-- Triggers of guarded relations beyond the list, or missing; others that run as a writer.
WITH found AS (
    SELECT t.*, t.tgrelid = ANY (%(guarded)s::oid[]) AS guarded,
           'trigger ' || t.tgname || ' on ' || t.tgrelid::regclass::text AS name,
           t.tgenabled::text || ' ' || pg_get_triggerdef(t.oid) AS text
      FROM pg_trigger t
), offence AS (
    SELECT f.name || ' is not one of ours as it stands: ' || f.text AS way FROM found f
     WHERE f.guarded AND NOT f.tgisinternal AND f.text <> ALL (%(triggers)s::text[])
    UNION ALL
    SELECT f.name || ', which keeps a foreign key, is switched off' FROM found f
     WHERE f.guarded AND f.tgisinternal AND f.tgenabled IN ('D', 'R')
    UNION ALL
    SELECT 'a trigger of ours is missing: ' || needed
      FROM unnest(%(needed_triggers)s::text[]) AS needed
     WHERE needed NOT IN (SELECT text FROM found)
    UNION ALL
    SELECT f.name || ' runs ' || f.tgfoid::regprocedure::text || ' with the rights of '
           || CASE WHEN p.prosecdef THEN o.rolname ELSE 'whoever writes there' END
      FROM found f JOIN pg_proc p ON p.oid = f.tgfoid JOIN pg_roles o ON o.oid = p.proowner
     WHERE NOT f.guarded AND NOT f.tgisinternal
       AND (p.prosecdef AND o.rolname = ANY (%(writers)s::text[])
            OR EXISTS (
               SELECT FROM pg_roles w
                WHERE w.rolname = ANY (%(known)s::text[] || ARRAY['wallet_owner'])
                  AND (has_table_privilege(w.oid, f.tgrelid, 'INSERT, UPDATE, DELETE, TRUNCATE')
                       OR has_any_column_privilege(w.oid, f.tgrelid, 'INSERT, UPDATE'))))
    UNION ALL
    SELECT 'event trigger ' || evtname || ' runs ' || evtfoid::regprocedure::text
           || ' as whoever changes a schema'
      FROM pg_event_trigger
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_settings
-- Functions with a writer's rights whose settings let a caller's names in, or switch guards off.
WITH definer AS (
    SELECT p.oid::regprocedure::text || ' runs as ' || o.rolname AS name, p.proconfig
      FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
     WHERE p.prosecdef AND o.rolname = ANY (%(writers)s::text[])
), offence AS (
    SELECT name || ' without a fixed search_path that ends with pg_temp' AS way FROM definer
     WHERE NOT EXISTS (SELECT FROM unnest(proconfig) AS setting
                        WHERE setting ~ '^search_path=(.*[ ,])?"?pg_temp"?$')
    UNION ALL
    SELECT name || ' under ' || setting FROM definer CROSS JOIN LATERAL unnest(proconfig) AS setting
     WHERE split_part(setting, '=', 1) = ANY (%(parameters)s::text[])
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_hidden_code
-- Code that runs as a writer without a call: behind defaults, checks, indexes and refreshed views.
WITH foreign_function AS (
    SELECT p.oid, p.proowner FROM pg_proc p
     WHERE p.oid >= 16384 AND p.pronamespace <> 'wallet'::regnamespace
       AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
                          AND e.objid = p.oid AND e.deptype = 'e')
), holder AS (
    SELECT 'pg_attrdef'::regclass AS classid, oid AS objid, adrelid AS relation, 0::oid AS type
      FROM pg_attrdef
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid, conrelid, contypid FROM pg_constraint
    UNION ALL
    SELECT 'pg_class'::regclass, indexrelid, indrelid, 0 FROM pg_index
    UNION ALL
    SELECT 'pg_class'::regclass, oid, oid, 0 FROM pg_class
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, oid, stxrelid, 0 FROM pg_statistic_ext
    UNION ALL
    SELECT 'pg_rewrite'::regclass, w.oid, w.ev_class, 0
      FROM pg_rewrite w JOIN pg_class m ON m.oid = w.ev_class AND m.relkind = 'm'
), hidden AS (
    SELECT f.oid, f.proowner, h.relation, h.type, c.relowner
      FROM holder h
      JOIN pg_depend d ON d.classid = h.classid AND d.objid = h.objid
                      AND d.refclassid = 'pg_proc'::regclass
      JOIN foreign_function f ON f.oid = d.refobjid
      LEFT JOIN pg_class c ON c.oid = h.relation
), offence AS (
    SELECT oid::regprocedure::text || ' runs whenever '
           || CASE WHEN relation <> 0 THEN relation::regclass::text ELSE type::regtype::text END
           || ' is written' AS way
      FROM hidden
     WHERE relation = ANY (%(guarded)s::oid[])
        OR type IN (SELECT t.oid FROM pg_type t WHERE t.typnamespace = 'wallet'::regnamespace)
    UNION
    SELECT h.oid::regprocedure::text || ' runs as ' || o.rolname || ' for '
           || h.relation::regclass::text || ', and ' || pg_get_userbyid(h.proowner)
           || ' may replace it'
      FROM hidden h JOIN pg_roles o ON o.oid = h.relowner
     WHERE o.rolname = ANY (%(writers)s::text[])
       AND pg_get_userbyid(h.proowner) <> ALL (%(writers)s::text[])
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_planted_code
-- Names put where the wallet's functions look first, and languages that no grant bounds.
WITH foreign_function AS (
    SELECT p.oid, p.pronamespace, p.prolang FROM pg_proc p
     WHERE p.oid >= 16384
       AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass
                          AND e.objid = p.oid AND e.deptype = 'e')
), offence AS (
    SELECT f.oid::regprocedure::text || ' was put among the server''s own functions' AS way
      FROM foreign_function f WHERE f.pronamespace = 'pg_catalog'::regnamespace
    UNION ALL
    SELECT f.oid::regprocedure::text || ' is in language ' || l.lanname
           || ', which no grant bounds'
      FROM foreign_function f JOIN pg_language l ON l.oid = f.prolang
     WHERE NOT l.lanpltrusted AND l.lanname <> 'sql'
    UNION ALL
    SELECT 'language ' || lanname || ' is installed, which no grant bounds' FROM pg_language
     WHERE NOT lanpltrusted AND lanname NOT IN ('internal', 'c')
    UNION ALL
    SELECT 'operator ' || o.oid::regoperator::text
           || ' is looked up by functions of the wallet and is not ours'
      FROM pg_operator o
     WHERE o.oid >= 16384
       AND o.oprnamespace IN ('wallet'::regnamespace, 'pg_catalog'::regnamespace)
       AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_operator'::regclass
                          AND e.objid = o.oid AND e.deptype = 'e')
    UNION ALL
    SELECT 'the cast from ' || c.castsource::regtype::text || ' to '
           || c.casttarget::regtype::text || ' is not ours'
      FROM pg_cast c
     WHERE c.oid >= 16384
       AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_cast'::regclass
                          AND e.objid = c.oid AND e.deptype = 'e')
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_from_outside
-- Other hands that write or hide rows: connections back, subscriptions, row security.
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
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_function_bodies
-- Functions of schema wallet, and all of those names that the migrations create elsewhere.
SELECT n.nspname || '.' || p.proname AS name, p.oid::regprocedure::text AS signature,
       p.prosrc AS body, o.rolname::text AS owner, l.lanname::text AS language,
       p.prosecdef AS as_owner, n.nspname = 'wallet' AS in_wallet
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles o ON o.oid = p.proowner JOIN pg_language l ON l.oid = p.prolang
 WHERE n.nspname = 'wallet' OR n.nspname || '.' || p.proname = ANY (%(shipped)s::text[])
 ORDER BY 2;

-- name: grants_movements
-- Whether any movement of money is in the ledger or among the counter entries.
SELECT EXISTS (SELECT FROM wallet.wallet_ledger)
       OR EXISTS (SELECT FROM wallet.wallet_counter_entry) AS present;
