-- The roles stay, they belong to the cluster (revision 0001).
REVOKE USAGE ON SCHEMA wallet FROM rolling_service, rolling_worker;
REVOKE EXECUTE ON FUNCTION wallet.known_events(jsonb) FROM rolling_worker;
REVOKE EXECUTE ON FUNCTION wallet.hold_fence(bigint), wallet.note_change(bigint)
    FROM rolling_service;
DROP SCHEMA rolling CASCADE;
