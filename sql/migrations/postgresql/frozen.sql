-- name: frozen
-- purpose: after the study's lock its data tables take no more rows
-- params: $table (a table of our own metadata)
-- grain: one trigger per data table
-- phi: none
CREATE TRIGGER ${table}_frozen BEFORE INSERT ON ${table}
FOR EACH ROW EXECUTE FUNCTION cohortlock_frozen()
