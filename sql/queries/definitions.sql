-- Statements that replace a database's functions, views, triggers and grants by those of a
-- checkout, in one transaction.

-- name: definitions_begin
-- Make the table with the digest of the applied definitions of each kind.
CREATE TABLE IF NOT EXISTS public.applied_definitions (
    kind       text PRIMARY KEY,
    digest     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: definitions_to_drop
-- Return DROP statements for triggers, views and functions of these kinds that this transaction has
-- not written. Triggers of partitions stay, because functions made them with the partition or with
-- the seal of its month. Functions stay that such a trigger, an index or a constraint calls.
WITH ours AS (
    SELECT n.oid FROM pg_namespace n WHERE n.nspname = ANY (%(schemas)s::text[])
), wanted AS (
    SELECT unnest(%(kinds)s::text[]) AS kind
), present AS (
    SELECT pg_current_xact_id()::xid AS id
)
SELECT format('DROP TRIGGER %%I ON %%s', t.tgname, c.oid::regclass) AS statement
  FROM present, pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
 WHERE c.relnamespace IN (SELECT oid FROM ours) AND 'triggers' IN (SELECT kind FROM wanted)
   AND NOT t.tgisinternal AND NOT c.relispartition AND t.xmin <> present.id
UNION ALL
SELECT 'DROP VIEW ' || string_agg(c.oid::regclass::text, ', ')
  FROM present, pg_class c JOIN pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
 WHERE c.relnamespace IN (SELECT oid FROM ours) AND 'views' IN (SELECT kind FROM wanted)
   AND c.relkind = 'v' AND r.xmin <> present.id
HAVING count(*) > 0
UNION ALL
SELECT 'DROP ROUTINE ' || string_agg(p.oid::regprocedure::text, ', ')
  FROM present, pg_proc p
 WHERE p.pronamespace IN (SELECT oid FROM ours) AND 'functions' IN (SELECT kind FROM wanted)
   AND p.xmin <> present.id
   AND NOT EXISTS (SELECT FROM pg_depend d
                     LEFT JOIN pg_trigger t
                            ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
                     LEFT JOIN pg_class c ON c.oid = t.tgrelid
                    WHERE (d.refclassid, d.refobjid) = ('pg_proc'::regclass, p.oid)
                      AND (c.relispartition
                           OR d.classid IN ('pg_class'::regclass, 'pg_constraint'::regclass,
                                            'pg_attrdef'::regclass, 'pg_policy'::regclass)))
HAVING count(*) > 0;

-- name: definitions_check_bodies
-- Set whether CREATE FUNCTION checks the body. A check fails if the body calls a function that does
-- not exist yet.
SELECT set_config('check_function_bodies', %(check)s, true);

-- name: definitions_to_revoke
-- Return REVOKE statements for all rights on these schemas and their contents, except the owners'
-- rights. The files grant the rights again.
WITH ours AS (
    SELECT * FROM pg_namespace WHERE nspname = ANY (%(schemas)s::text[])
), right_of AS (
    SELECT 'SCHEMA ' || quote_ident(n.nspname) AS thing, n.nspowner AS owner, x.grantee
      FROM ours n, aclexplode(n.nspacl) x
    UNION
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass,
           c.relowner, x.grantee
      FROM pg_class c JOIN ours n ON n.oid = c.relnamespace, aclexplode(c.relacl) x
    UNION
    SELECT 'TABLE ' || c.oid::regclass, c.relowner, x.grantee
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN ours n ON n.oid = c.relnamespace, aclexplode(a.attacl) x
    UNION
    SELECT 'ROUTINE ' || p.oid::regprocedure, p.proowner, x.grantee
      FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace,
           aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
)
SELECT format('REVOKE ALL ON %%s FROM %%s CASCADE', thing,
              CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END) AS statement
  FROM right_of WHERE grantee <> owner;

-- name: definitions_record
-- Store the digest of a kind that was applied.
INSERT INTO public.applied_definitions AS d (kind, digest) VALUES (%(kind)s, %(digest)s)
ON CONFLICT (kind) DO UPDATE SET digest = excluded.digest, applied_at = now();

-- name: definitions_forget
-- Drop the table of digests, so that the next migration applies all definitions.
DROP TABLE IF EXISTS public.applied_definitions;
