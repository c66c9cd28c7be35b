-- A least-privilege role per process, a SELECT-only role, the operators' role, and owners, which cannot log in.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['gateway', 'wallet_service', 'wallet_worker', 'rolling_service', 'rolling_worker', 'game_service',
                                'player_service', 'admin_service', 'rubyops_read', 'rubyops_ops'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
    END LOOP;
    FOREACH name IN ARRAY ARRAY['wallet_owner', 'rolling_owner'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', name);
        END IF;
    END LOOP;
END $$;
-- A report of who holds a lock shows the session's query and age, of any role's session.
GRANT pg_read_all_stats TO rubyops_read, rubyops_ops;
ALTER ROLE rubyops_read SET default_transaction_read_only = on;
ALTER ROLE wallet_service SET lock_timeout = '2s';
ALTER ROLE wallet_service SET statement_timeout = '30s';
REVOKE ALL ON SCHEMA public FROM PUBLIC;
