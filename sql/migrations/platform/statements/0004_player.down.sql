-- The owner's role stays: it belongs to the cluster.
REVOKE USAGE ON SCHEMA wallet FROM player_service;
REVOKE EXECUTE ON FUNCTION wallet.hold_fence(bigint) FROM player_service;
DROP SCHEMA player CASCADE;
