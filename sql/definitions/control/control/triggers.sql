-- Triggers of the control tables.

CREATE OR REPLACE TRIGGER notify AFTER UPDATE ON control.freeze_state
    FOR EACH STATEMENT EXECUTE FUNCTION control.notify_freeze();
