-- GATE-4 runs these statements as each role, and expects PostgreSQL to refuse them. Each is rolled
-- back. The caller replaces {table} and {column} by quoted identifiers.

-- name: attempts_given
-- Set the statements that `attempts_tried` runs: a JSON array of texts.
SELECT set_config('rubyops.attempts', %(statements)s::jsonb::text, true);

-- name: attempts_tried
-- Run each statement in a subtransaction that is rolled back, and collect SQLSTATE and message. The
-- SQLSTATE 00000 means success. Stop after a lock timeout (55P03).
DO $$
DECLARE
    answers jsonb := '[]';
    waited  boolean := false;
    attempt text;
BEGIN
    FOR attempt IN
        SELECT jsonb_array_elements_text(current_setting('rubyops.attempts')::jsonb) LOOP
        BEGIN
            EXECUTE attempt;
            RAISE EXCEPTION 'done, and rolled back' USING ERRCODE = 'UNDO1';
        EXCEPTION WHEN OTHERS THEN
            answers := answers || jsonb_build_array(jsonb_build_array(
                CASE SQLSTATE WHEN 'UNDO1' THEN '00000' ELSE SQLSTATE END, SQLERRM));
            waited := SQLSTATE = '55P03';
        END;
        EXIT WHEN waited;
    END LOOP;
    PERFORM set_config('rubyops.answers', answers::text, true);
END $$;

-- name: attempts_answers
-- Return the answers of `attempts_tried` in order, as a JSON array of [SQLSTATE, message].
SELECT current_setting('rubyops.answers')::jsonb AS answers;

-- name: attempt_insert
-- Needs INSERT on the table or on any of its columns.
INSERT INTO {table} DEFAULT VALUES;

-- name: attempt_update
-- Needs UPDATE on this column, and touches no row.
UPDATE {table} SET {column} = DEFAULT WHERE false;

-- name: attempt_delete
-- Needs DELETE on the table, and touches no row.
DELETE FROM {table} WHERE false;

-- name: attempt_truncate
-- Needs TRUNCATE on the table. PostgreSQL checks this right before it waits for the lock.
TRUNCATE {table};

-- name: attempt_disable_triggers
-- Needs to own the table.
ALTER TABLE {table} DISABLE TRIGGER USER;

-- name: attempt_become_owner
-- Needs to be a member of wallet_owner, the owner of all money tables.
SET ROLE wallet_owner;

-- name: attempt_replica_mode
-- Needs a superuser, or a grant on the parameter. Ordinary triggers do not fire in this mode.
SET session_replication_role = replica;

-- name: attempt_replace_function
-- Needs to own the function, and CREATE on its schema.
CREATE OR REPLACE FUNCTION wallet.assert_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql AS 'BEGIN END';

-- name: attempt_create_table
-- Needs CREATE on schema wallet.
CREATE TABLE wallet.attempted_table (balance bigint);
