-- Rollings and turnover rows keep a copy of what the service wrote last.
CREATE OR REPLACE TRIGGER seal BEFORE INSERT OR UPDATE ON rolling.player_rolling
    FOR EACH ROW EXECUTE FUNCTION rolling.seal_row();
CREATE OR REPLACE TRIGGER seal BEFORE INSERT OR UPDATE ON rolling.rolling_turnover
    FOR EACH ROW EXECUTE FUNCTION rolling.seal_row();
