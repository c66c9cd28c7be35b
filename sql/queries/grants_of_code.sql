-- Ways to write money through code: views, rules, triggers, functions, and code that runs without a
-- call. Parameters and rows are as in grants.sql.

-- name: grants_of_views
-- Views over guarded relations that a role other than the owner may write, and rewrite rules that
-- write to guarded relations or suppress a write. Views over such views count, too.
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
     CROSS JOIN (SELECT n.name, coalesce(o.oid, 0) AS id FROM unnest(%(roles)s::text[]) AS n(name)
               LEFT JOIN pg_roles o ON o.rolname = n.name
              WHERE o.oid IS NOT NULL OR n.name = 'public') AS role
     CROSS JOIN unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRIGGER']) AS privilege
     WHERE role.name <> pg_get_userbyid(c.relowner)
       AND (has_table_privilege(role.id, c.oid, privilege)
            OR privilege IN ('INSERT', 'UPDATE')
               AND has_any_column_privilege(role.id, c.oid, privilege))
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
-- Triggers on guarded relations that are unknown, missing or switched off, and triggers on other
-- tables that run with a writer's rights.
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
    SELECT f.name || ' is said to be the server''s own and runs ' || f.tgfoid::regprocedure::text
      FROM found f WHERE f.guarded AND f.tgisinternal AND f.tgfoid >= 16384
    UNION ALL
    SELECT 'a trigger of ours is missing: ' || needed
      FROM unnest(%(needed_triggers)s::text[] || %(triggers_elsewhere)s::text[]) AS needed
     WHERE needed NOT IN (SELECT text FROM found)
    UNION ALL
    SELECT f.name || ' runs ' || f.tgfoid::regprocedure::text || ' with the rights of '
           || CASE WHEN p.prosecdef THEN o.rolname ELSE 'whoever writes there' END
      FROM found f JOIN pg_proc p ON p.oid = f.tgfoid JOIN pg_roles o ON o.oid = p.proowner
     WHERE NOT f.guarded AND NOT f.tgisinternal AND f.text <> ALL (%(triggers_elsewhere)s::text[])
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
-- SECURITY DEFINER functions of a writer with unsafe settings. Without a fixed search_path a caller
-- chooses the objects that the body uses, and some parameters switch triggers off.
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
-- Code that runs with a writer's rights without a call: in defaults, checks, indexes, statistics,
-- rules and materialized views. The search follows operators, operator classes and types. It skips
-- functions of schema wallet, because GATE-4 compares them with their files.
WITH RECURSIVE thing AS (
    SELECT 'pg_proc'::regclass AS classid, oid AS objid, pronamespace AS namespace,
           proowner AS owner FROM pg_proc
    UNION ALL
    SELECT 'pg_operator'::regclass, oid, oprnamespace, oprowner FROM pg_operator
    UNION ALL
    SELECT 'pg_opclass'::regclass, oid, opcnamespace, opcowner FROM pg_opclass
    UNION ALL
    SELECT 'pg_opfamily'::regclass, oid, opfnamespace, opfowner FROM pg_opfamily
    UNION ALL
    SELECT 'pg_type'::regclass, oid, typnamespace, typowner FROM pg_type
), edge AS (
    SELECT classid, objid, refclassid, refobjid FROM pg_depend WHERE objid >= 16384
    UNION ALL
    SELECT 'pg_type'::regclass, contypid, 'pg_constraint'::regclass, oid
      FROM pg_constraint WHERE contypid <> 0
    UNION ALL
    SELECT 'pg_type'::regclass, oid, 'pg_class'::regclass, typrelid FROM pg_type WHERE typrelid <> 0
    UNION ALL
    SELECT 'pg_opfamily'::regclass, amprocfamily, 'pg_amproc'::regclass, oid FROM pg_amproc
    UNION ALL
    SELECT 'pg_opfamily'::regclass, amopfamily, 'pg_amop'::regclass, oid FROM pg_amop
), holder AS (
    SELECT 'pg_attrdef'::regclass AS classid, oid AS objid, adrelid AS relation, 0::oid AS type
      FROM pg_attrdef
    UNION ALL
    SELECT 'pg_constraint'::regclass, oid, conrelid, contypid FROM pg_constraint
    UNION ALL
    SELECT 'pg_class'::regclass, indexrelid, indrelid, 0 FROM pg_index
    UNION ALL
    SELECT 'pg_class'::regclass, oid, oid, 0 FROM pg_class WHERE relkind <> 'v'
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, oid, stxrelid, 0 FROM pg_statistic_ext
    UNION ALL
    SELECT 'pg_type'::regclass, oid, 0, oid FROM pg_type
     WHERE typnamespace = 'wallet'::regnamespace AND typtype <> 'c' AND typcategory <> 'A'
    UNION ALL
    SELECT 'pg_rewrite'::regclass, w.oid, w.ev_class, 0
      FROM pg_rewrite w JOIN pg_class m ON m.oid = w.ev_class
     WHERE m.relkind = 'm' OR w.rulename <> '_RETURN'
), reached AS (
    SELECT h.relation, h.type, h.classid, h.objid FROM holder h
    UNION
    SELECT r.relation, r.type, e.refclassid, e.refobjid
      FROM reached r JOIN edge e ON e.classid = r.classid AND e.objid = r.objid
      LEFT JOIN pg_type own ON e.refclassid = 'pg_type'::regclass AND own.oid = e.refobjid
                           AND own.typnamespace = 'wallet'::regnamespace
     WHERE r.classid <> 'pg_proc'::regclass AND own.oid IS NULL
       AND (e.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass,
                             'pg_opfamily'::regclass, 'pg_type'::regclass, 'pg_amproc'::regclass,
                             'pg_amop'::regclass, 'pg_constraint'::regclass)
            OR r.classid = 'pg_type'::regclass AND e.refclassid = 'pg_class'::regclass)
), hidden AS (
    SELECT pg_describe_object(t.classid, t.objid, 0) AS name, t.owner, t.namespace, r.relation,
           r.type, c.relowner, c.relnamespace
      FROM reached r JOIN thing t ON t.classid = r.classid AND t.objid = r.objid
      LEFT JOIN pg_class c ON c.oid = r.relation
     WHERE t.objid >= 16384
), offence AS (
    SELECT name || ' runs whenever '
           || CASE WHEN relation <> 0 THEN relation::regclass::text ELSE type::regtype::text END
           || ' is written' AS way
      FROM hidden
     WHERE namespace <> 'wallet'::regnamespace
       AND (relation = ANY (%(guarded)s::oid[]) OR relnamespace = 'wallet'::regnamespace
            OR type IN (SELECT t.oid FROM pg_type t WHERE t.typnamespace = 'wallet'::regnamespace))
    UNION
    SELECT h.name || ' runs as ' || o.rolname || ' for ' || h.relation::regclass::text || ', and '
           || pg_get_userbyid(h.owner) || ' may replace it'
      FROM hidden h
      JOIN pg_roles o ON o.oid = h.relowner OR (
           o.rolname = ANY (%(known)s::text[] || ARRAY['wallet_owner'])
           AND (has_table_privilege(o.oid, h.relation, 'INSERT, UPDATE')
                OR has_any_column_privilege(o.oid, h.relation, 'INSERT, UPDATE')))
     WHERE o.rolname = ANY (%(writers)s::text[])
       AND pg_get_userbyid(h.owner) <> ALL (%(writers)s::text[])
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_of_planted_code
-- Objects that were added or altered in schemas where the wallet's functions look names up, and
-- untrusted languages. Objects of an extension that was installed after initdb are allowed.
WITH brought AS (
    SELECT classid, objid FROM pg_depend
     WHERE deptype = 'e' AND refclassid = 'pg_extension'::regclass AND refobjid >= 16384
), foreign_function AS (
    SELECT p.oid, p.pronamespace, p.prolang FROM pg_proc p
     WHERE p.oid >= 16384
       AND NOT EXISTS (SELECT FROM brought b
                        WHERE b.classid = 'pg_proc'::regclass AND b.objid = p.oid)
), offence AS (
    SELECT f.oid::regprocedure::text || ' was put among the server''s own functions' AS way
      FROM foreign_function f WHERE f.pronamespace = 'pg_catalog'::regnamespace
    UNION ALL
    SELECT p.oid::regprocedure::text || ' is the server''s own and was altered: '
           || CASE WHEN p.proowner <> 10 THEN 'it belongs to ' || pg_get_userbyid(p.proowner)
                   WHEN p.proconfig IS NOT NULL THEN 'it has settings'
                   WHEN p.prosecdef THEN 'it runs with its owner''s rights'
                   WHEN l.lanname = 'sql' THEN 'its body is of no release'
                   ELSE 'its language is ' || l.lanname END
      FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
     WHERE p.oid < 16384
       AND (p.proowner <> 10 OR p.proconfig IS NOT NULL OR p.prosecdef
            OR l.lanname NOT IN ('internal', 'c', 'sql')
            -- Built-in SQL functions have a parsed body, except those with polymorphic parameters.
            OR l.lanname = 'sql' AND p.prosqlbody IS NULL
               AND p.proname NOT IN ('quote_literal', 'quote_nullable', 'textanycat', 'anytextcat',
                                     '_pg_expandarray'))
    UNION ALL
    SELECT 'view ' || c.oid::regclass::text
           || ' stands where functions of the wallet look for a table'
      FROM pg_class c
     WHERE c.relkind IN ('v', 'm')
       AND c.relnamespace IN (SELECT n.oid FROM pg_namespace n
                               WHERE n.nspname = ANY (%(neighbours)s::text[]))
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
       AND NOT EXISTS (SELECT FROM brought b
                        WHERE b.classid = 'pg_operator'::regclass AND b.objid = o.oid)
    UNION ALL
    SELECT pg_describe_object('pg_opclass'::regclass, c.oid, 0) || ' is not ours'
      FROM pg_opclass c
     WHERE c.oid >= 16384
       AND c.opcnamespace IN ('wallet'::regnamespace, 'pg_catalog'::regnamespace)
       AND NOT EXISTS (SELECT FROM brought b
                        WHERE b.classid = 'pg_opclass'::regclass AND b.objid = c.oid)
    UNION ALL
    SELECT pg_describe_object('pg_opfamily'::regclass, p.amprocfamily, 0) || ': '
           || p.amproc::oid::regprocedure::text || ' is not the server''s'
      FROM pg_amproc p
     WHERE p.amprocfamily < 16384 AND p.oid >= 16384
       AND NOT EXISTS (SELECT FROM brought b
                        WHERE b.classid = 'pg_proc'::regclass AND b.objid = p.amproc::oid)
    UNION ALL
    SELECT pg_describe_object('pg_opfamily'::regclass, p.amopfamily, 0) || ': '
           || p.amopopr::regoperator::text || ' is not the server''s'
      FROM pg_amop p
     WHERE p.amopfamily < 16384 AND p.oid >= 16384
       AND NOT EXISTS (SELECT FROM brought b
                        WHERE b.classid = 'pg_operator'::regclass AND b.objid = p.amopopr)
    UNION ALL
    SELECT 'the cast from ' || c.castsource::regtype::text || ' to '
           || c.casttarget::regtype::text || ' is not ours'
      FROM pg_cast c
     WHERE c.oid >= 16384
       AND NOT EXISTS (SELECT FROM brought b
                        WHERE b.classid = 'pg_cast'::regclass AND b.objid = c.oid)
)
SELECT way, count(*) OVER () AS total FROM offence ORDER BY 1 LIMIT %(limit)s;

-- name: grants_function_bodies
-- All functions of schema wallet, and functions elsewhere with a name that this checkout ships.
SELECT n.nspname || '.' || p.proname AS name, p.oid::regprocedure::text AS signature,
       p.prosrc AS body, o.rolname::text AS owner, l.lanname::text AS language,
       p.prosecdef AS as_owner, n.nspname = 'wallet' AS in_wallet, p.proisstrict AS strict,
       p.proleakproof AS leakproof, pg_get_function_arguments(p.oid) AS parameters,
       coalesce(pg_get_function_result(p.oid), '') AS result,
       CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END
           AS volatility,
       CASE p.proparallel WHEN 's' THEN 'safe' WHEN 'r' THEN 'restricted' ELSE 'unsafe' END
           AS parallel,
       CASE p.prosupport::oid WHEN 0 THEN 'none' ELSE p.prosupport::text END AS support,
       coalesce((SELECT string_agg(setting, '; ' ORDER BY setting COLLATE "C")
                   FROM unnest(p.proconfig) AS setting), 'none') AS settings
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  JOIN pg_roles o ON o.oid = p.proowner JOIN pg_language l ON l.oid = p.prolang
 WHERE n.nspname = 'wallet' OR n.nspname || '.' || p.proname = ANY (%(shipped)s::text[])
 ORDER BY 2;

-- name: grants_wallet_views
-- Views of schema wallet with their options, such as security_invoker.
SELECT n.nspname || '.' || c.relname AS name, c.relkind::text AS kind,
       coalesce(array_to_string(c.reloptions, ', '), '') AS options
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = 'wallet' AND c.relkind IN ('v', 'm')
 ORDER BY 1;
