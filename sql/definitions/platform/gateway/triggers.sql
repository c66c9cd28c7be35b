-- A change of the maintenance switch is recorded first.
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON gateway.maintenance_change
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
CREATE OR REPLACE TRIGGER unsealed BEFORE INSERT OR UPDATE OR DELETE ON gateway.maintenance
    FOR EACH STATEMENT EXECUTE FUNCTION wallet.refuse_sealed();
