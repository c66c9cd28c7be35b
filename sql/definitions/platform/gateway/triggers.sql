-- The gateway writes a row of maintenance_change before it changes the maintenance switch.
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON gateway.maintenance_change
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON gateway.maintenance
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
