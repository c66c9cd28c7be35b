-- name: database_exists
-- Whether the cluster has this database.
SELECT 1 FROM pg_database WHERE datname = %(name)s;

-- name: create_database
-- Make an empty database; its name is put in as a quoted identifier. Text sorts the same on every
-- server, whatever its own locale.
CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C';

-- name: set_database_time_zone
-- Have new sessions of a database count days in UTC, whatever the server's own zone.
ALTER DATABASE {name} SET timezone = 'UTC';

-- name: role_verifiers
-- Which of these roles the server has, with the verifier of their password; NULL before one was
-- set.
SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = ANY(%(roles)s) ORDER BY rolname;

-- name: foreign_tables_of_database
-- Tables of a database that has neither of our schemas: somebody else's.
SELECT schemaname || '.' || tablename
FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'
  AND to_regnamespace('wallet') IS NULL AND to_regnamespace('control') IS NULL
ORDER BY 1;

-- name: set_role_password
-- Give a role its password as a SCRAM verifier.
ALTER ROLE {role} PASSWORD {verifier};

-- name: migration_lock
-- Let one migration of the server's databases run at a time: advisory locks are a database's own,
-- so all take it in the same one.
SELECT set_config('lock_timeout', %(lock_timeout)s, false), pg_advisory_lock(%(key)s);

-- name: bound_waiting
-- Bound every wait for a lock from here on in this session.
SELECT set_config('lock_timeout', %(lock_timeout)s, false);

-- name: grant_schema_version
-- Let the SELECT-only role see at which revision a database stands, and with which definitions.
GRANT USAGE ON SCHEMA public TO rubyops_read;
GRANT SELECT ON public.alembic_version, public.applied_definitions TO rubyops_read;
