-- name: database_exists
-- Whether the cluster has this database.
SELECT 1 FROM pg_database WHERE datname = %(name)s;

-- name: create_database
-- Make an empty database; its name is put in as a quoted identifier.
CREATE DATABASE {name};

-- name: set_role_password
-- Give a role its password as a SCRAM verifier.
ALTER ROLE {role} PASSWORD {verifier};

-- name: migration_lock
-- Let one migration run at a time; the bound on waiting is the session's from here on.
SELECT set_config('lock_timeout', %(lock_timeout)s, false), pg_advisory_lock(%(key)s);

-- name: grant_schema_version
-- Let the SELECT-only role see which revision a database stands at.
DO $$
BEGIN
    IF to_regrole('rubyops_read') IS NOT NULL AND to_regclass('public.alembic_version') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA public TO rubyops_read;
        GRANT SELECT ON public.alembic_version TO rubyops_read;
    END IF;
END $$;
