-- name: no_delete
-- purpose: a row of an append-only table is never removed
-- params: $table (a table of our own metadata)
-- grain: one trigger per table
-- phi: none
CREATE TRIGGER ${table}_no_delete BEFORE DELETE ON ${table}
BEGIN
    SELECT RAISE(ABORT, 'append-only: DELETE refused');
END
