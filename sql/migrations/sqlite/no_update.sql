-- name: no_update
-- purpose: a row of an append-only table is never changed
-- params: $table (a table of our own metadata)
-- grain: one trigger per table
-- phi: none
CREATE TRIGGER ${table}_no_update BEFORE UPDATE ON ${table}
BEGIN
    SELECT RAISE(ABORT, 'append-only: UPDATE refused');
END
