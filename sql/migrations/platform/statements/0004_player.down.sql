-- The owner's role stays: it belongs to the cluster.
DROP SCHEMA player CASCADE;
