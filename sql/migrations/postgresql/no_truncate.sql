-- name: no_truncate
-- purpose: nor are all of its rows removed at once, which row triggers do not see
-- params: $table (a table of our own metadata)
-- grain: one trigger per table
-- phi: none
CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON ${table}
FOR EACH STATEMENT EXECUTE FUNCTION cohortlock_refuse()
