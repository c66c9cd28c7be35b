-- The roles stay, they belong to the cluster (revision 0001); their bounds on waiting go with what they were for.
ALTER ROLE wallet_worker RESET lock_timeout;
ALTER ROLE wallet_worker RESET statement_timeout;
ALTER ROLE rolling_worker RESET lock_timeout;
ALTER ROLE rolling_worker RESET statement_timeout;
ALTER ROLE rolling_service RESET lock_timeout;
ALTER ROLE rolling_service RESET statement_timeout;
REVOKE USAGE ON SCHEMA wallet FROM rolling_service;
REVOKE EXECUTE ON FUNCTION wallet.hold_fence(bigint), wallet.note_change(bigint)
    FROM rolling_service;
DROP SCHEMA rolling CASCADE;
