-- The roles stay, they belong to the cluster (revision 0001); their bounds on waiting go with what they were for.
ALTER ROLE wallet_worker RESET lock_timeout;
ALTER ROLE wallet_worker RESET statement_timeout;
ALTER ROLE rolling_worker RESET lock_timeout;
ALTER ROLE rolling_worker RESET statement_timeout;
ALTER ROLE rolling_service RESET lock_timeout;
ALTER ROLE rolling_service RESET statement_timeout;
DROP SCHEMA rolling CASCADE;
