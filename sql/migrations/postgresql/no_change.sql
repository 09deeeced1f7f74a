-- name: no_change
-- purpose: a row of an append-only table is never changed or removed
-- params: $table (a table of our own metadata)
-- grain: one trigger per table
-- phi: none
CREATE TRIGGER ${table}_no_change BEFORE UPDATE OR DELETE ON ${table}
FOR EACH ROW EXECUTE FUNCTION cohortlock_refuse()
