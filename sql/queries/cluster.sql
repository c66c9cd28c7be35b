-- name: database_exists
-- Whether the cluster has this database.
SELECT 1 FROM pg_database WHERE datname = %(name)s;

-- name: create_database
-- Make an empty database. The caller replaces {name} by a quoted identifier. The C locale makes
-- text sort the same on every server.
CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C';

-- name: set_database_time_zone
-- Set the time zone of new sessions to UTC, so that days do not depend on the server's zone.
ALTER DATABASE {name} SET timezone = 'UTC';

-- name: role_verifiers
-- The roles among these that the server has, with their password verifier. It is NULL for a role
-- without a password.
SELECT rolname::text, rolpassword FROM pg_authid WHERE rolname = ANY(%(roles)s) ORDER BY rolname;

-- name: foreign_tables_of_database
-- Tables of a database without the product's schemas. Such tables belong to another product.
SELECT schemaname || '.' || tablename
FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND tablename <> 'alembic_version'
  AND to_regnamespace('wallet') IS NULL AND to_regnamespace('control') IS NULL
ORDER BY 1;

-- name: set_role_password
-- Give a role its password as a SCRAM verifier.
ALTER ROLE {role} PASSWORD {verifier};

-- name: migration_lock
-- Let only one migration run on this server. An advisory lock exists within one database only, so
-- every migration takes it in the same database.
SELECT set_config('lock_timeout', %(lock_timeout)s, false), pg_advisory_lock(%(key)s);

-- name: bound_waiting
-- Set a lock timeout for the rest of this session.
SELECT set_config('lock_timeout', %(lock_timeout)s, false);

-- name: grant_schema_version
-- Let the SELECT-only role read the revision and the definitions of a database.
GRANT USAGE ON SCHEMA public TO rubyops_read;
GRANT SELECT ON public.alembic_version, public.applied_definitions TO rubyops_read;
