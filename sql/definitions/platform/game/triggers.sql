-- Triggers on these two tables are enough, because each statement of game_service that writes also
-- writes a callback or a win.
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON game.callback
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON game.win
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
