-- Every statement of game_service writes a callback or a win, and with it what else it writes.
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON game.callback
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON game.win
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
