-- A least-privilege role per process, a SELECT-only role, the operators' role, and owners, which
-- cannot log in.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['gateway', 'wallet_service', 'wallet_worker', 'rolling_service',
                                'rolling_worker', 'game_service',
                                'player_service', 'admin_service', 'rubyops_read',
                                'rubyops_ops'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE CONNECT ON DATABASE %I FROM PUBLIC', current_database());
    FOREACH name IN ARRAY ARRAY['wallet_owner', 'rolling_owner'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
END $$;
-- A report of who holds a lock shows the session's query and age, of any role's session.
GRANT pg_read_all_stats TO rubyops_read, rubyops_ops;
-- Where all other connections are taken, the operators still get in. PostgreSQL 15 keeps some for
-- superusers alone.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'pg_use_reserved_connections') THEN
        GRANT pg_use_reserved_connections TO rubyops_read, rubyops_ops;
    END IF;
END $$;
ALTER ROLE rubyops_read SET default_transaction_read_only = on;
-- PostgreSQL bounds none of these by itself. A copy that stands still in a transaction would hold
-- its locks for good.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['gateway', 'wallet_service', 'wallet_worker', 'rolling_service',
                                'rolling_worker', 'game_service',
                                'player_service', 'admin_service'] LOOP
        EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', name, '2s');
        EXECUTE format('ALTER ROLE %I SET statement_timeout = %L', name, '10s');
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', name, '30s');
    END LOOP;
END $$;
-- Reconciliation reads more than a request does.
ALTER ROLE wallet_service SET statement_timeout = '30s';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
