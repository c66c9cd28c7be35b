-- Attempts that GATE-4 makes as each role and must see refused; each is rolled back.
-- Names are put in as identifiers.

-- name: attempts_given
-- The statements of `attempts_tried`, an array of texts.
SELECT set_config('rubyops.attempts', %(statements)s::jsonb::text, true);

-- name: attempts_tried
-- Tries each statement in a subtransaction that is undone, and keeps SQLSTATE and message: 00000
-- for one that succeeded. It ends at a statement that waits for a lock in vain.
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
-- The answers of `attempts_tried`, [[SQLSTATE, message]], in the order of the statements.
SELECT current_setting('rubyops.answers')::jsonb AS answers;

-- name: attempt_insert
-- Needs INSERT on the table or on any of its columns.
INSERT INTO {table} DEFAULT VALUES;

-- name: attempt_update
-- Needs UPDATE on this very column, and touches no row.
UPDATE {table} SET {column} = DEFAULT WHERE false;

-- name: attempt_delete
-- Needs DELETE on the table, and touches no row.
DELETE FROM {table} WHERE false;

-- name: attempt_truncate
-- Needs TRUNCATE on the table; the right is looked at before the lock is asked for.
TRUNCATE {table};

-- name: attempt_disable_triggers
-- Needs the table's owner.
ALTER TABLE {table} DISABLE TRIGGER USER;

-- name: attempt_become_owner
-- Needs membership of the owner of all that is money.
SET ROLE wallet_owner;

-- name: attempt_replica_mode
-- Needs a superuser, or a grant on the parameter: ordinary triggers do not fire then.
SET session_replication_role = replica;

-- name: attempt_replace_function
-- Needs the owner of the function, and the right to create in its schema.
CREATE OR REPLACE FUNCTION wallet.assert_fence(p_token bigint) RETURNS void
LANGUAGE plpgsql AS 'BEGIN END';

-- name: attempt_create_table
-- Needs the right to create in schema wallet.
CREATE TABLE wallet.attempted_table (balance bigint);
