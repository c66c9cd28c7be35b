"""Describes the schemas of a database as lines, so that two databases can be compared.

A line names one object and all its properties, such as a function's text, owner, settings and
rights. Object ids, the order of rights and the order of creation are left out.
"""

import psycopg

_SCHEMAS = """
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
     WHERE nspname !~ '^(pg_|information_schema$)' AND nspname <> 'public'
"""
_RIGHTS = """
    (SELECT coalesce(string_agg(format('%s=%s%s by %s', CASE x.grantee WHEN 0 THEN 'PUBLIC'
                                       ELSE x.grantee::regrole::text END, x.privilege_type,
                                       CASE WHEN x.is_grantable THEN '*' END, x.grantor::regrole),
                                ', ' ORDER BY x.grantee = 0, x.grantee::regrole::text,
                                x.privilege_type), 'nobody')
       FROM aclexplode({acl}) x)
"""


def _rights(column: str, kind: str, owner: str) -> str:
    return _RIGHTS.format(acl=f"coalesce({column}, acldefault('{kind}', {owner}))")


# In each query the first column is the kind of object, and all columns together make the line.
QUESTIONS = (
    f"""
    SELECT 'schema', n.nspname, n.nspowner::regrole, {_rights("n.nspacl", "n", "n.nspowner")},
           obj_description(n.oid, 'pg_namespace')
      FROM ours n
    """,
    f"""
    SELECT 'relation', c.oid::regclass, c.relkind, c.relowner::regrole, c.reloptions,
           c.relrowsecurity, c.relpersistence, pg_get_partkeydef(c.oid),
           pg_get_expr(c.relpartbound, c.oid),
           {_rights("c.relacl", "r", "c.relowner")}, obj_description(c.oid, 'pg_class')
      FROM pg_class c JOIN ours n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm')
    """,
    f"""
    SELECT 'sequence', c.oid::regclass, c.relowner::regrole, s.*,
           {_rights("c.relacl", "s", "c.relowner")}
      FROM pg_class c JOIN ours n ON n.oid = c.relnamespace
      JOIN LATERAL (SELECT format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmax,
                           q.seqmin, q.seqcache, q.seqcycle
                      FROM pg_sequence q WHERE q.seqrelid = c.oid) s ON true
    """,
    """
    SELECT 'column', a.attrelid::regclass, a.attnum, a.attname,
           format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
           a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid),
           (SELECT string_agg(format('%s=%s', x.grantee::regrole, x.privilege_type), ', '
                              ORDER BY x.grantee::regrole::text, x.privilege_type)
              FROM aclexplode(a.attacl) x), col_description(c.oid, a.attnum)
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN ours n ON n.oid = c.relnamespace
      LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
     WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'c')
    """,
    """
    SELECT 'constraint', coalesce(nullif(k.conrelid, 0)::regclass::text, k.contypid::regtype::text),
           k.conname, pg_get_constraintdef(k.oid), k.convalidated
      FROM pg_constraint k JOIN ours n ON n.oid = k.connamespace
    """,
    """
    SELECT 'index', i.indexrelid::regclass, pg_get_indexdef(i.indexrelid), i.indisvalid
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN ours n ON n.oid = c.relnamespace
    """,
    f"""
    SELECT 'type', t.oid::regtype, t.typtype, t.typowner::regrole,
           format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
           {_rights("t.typacl", "T", "t.typowner")}, obj_description(t.oid, 'pg_type')
      FROM pg_type t JOIN ours n ON n.oid = t.typnamespace
     WHERE t.typtype IN ('c', 'd', 'e') AND t.typrelid NOT IN (
           SELECT oid FROM pg_class WHERE relkind <> 'c')
    """,
    f"""
    SELECT 'function', p.oid::regprocedure, pg_get_function_arguments(p.oid),
           pg_get_function_result(p.oid), p.prokind, p.proowner::regrole, l.lanname,
           p.prosecdef, p.proleakproof, p.proisstrict, p.provolatile, p.proparallel, p.procost,
           p.prorows, p.proconfig, p.prosrc, pg_get_function_sqlbody(p.oid),
           {_rights("p.proacl", "f", "p.proowner")}, obj_description(p.oid, 'pg_proc')
      FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
    """,
    """
    SELECT 'view', c.oid::regclass, pg_get_viewdef(c.oid)
      FROM pg_class c JOIN ours n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm')
    """,
    """
    SELECT 'trigger', t.tgrelid::regclass, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid)
      FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN ours n ON n.oid = c.relnamespace
     WHERE NOT t.tgisinternal
    """,
    """
    SELECT 'policy', p.polrelid::regclass, p.polname, p.polcmd, p.polpermissive,
           (SELECT array_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE r::regrole::text END ORDER BY 1)
              FROM unnest(p.polroles) r),
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
      FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid JOIN ours n ON n.oid = c.relnamespace
    """,
    """
    SELECT 'rule', r.ev_class::regclass, r.rulename, pg_get_ruledef(r.oid)
      FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class JOIN ours n ON n.oid = c.relnamespace
     WHERE r.rulename <> '_RETURN'
    """,
    f"""
    SELECT 'database', {_rights("d.datacl", "d", "d.datdba")}
      FROM pg_database d WHERE d.datname = current_database()
    """,
    f"""
    SELECT 'schema public', {_rights("n.nspacl", "n", "n.nspowner")}
      FROM pg_namespace n WHERE n.nspname = 'public'
    """,
    """
    SELECT 'default right', d.defaclrole::regrole, d.defaclnamespace::regnamespace,
           d.defaclobjtype, d.defaclacl
      FROM pg_default_acl d
    """,
)


def described(dsn: str) -> list[str]:
    """The sorted lines of a database, one per object; `dsn` is the URL of a superuser."""
    with psycopg.connect(dsn) as connection:
        # With this search path, PostgreSQL writes every name together with its schema.
        connection.execute("SET search_path = pg_catalog")
        return sorted(
            " | ".join(str(value) for value in row)
            for question in QUESTIONS
            for row in connection.execute(f"WITH ours AS ({_SCHEMAS}) {question}".encode())
        )
