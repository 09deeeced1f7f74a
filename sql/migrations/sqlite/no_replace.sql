-- name: no_replace
-- purpose: INSERT OR REPLACE, which deletes without asking a DELETE trigger, is refused too
-- params: $table, $collides (condition over NEW: a row with one of its unique keys exists)
-- grain: one trigger per table
-- phi: none
CREATE TRIGGER ${table}_no_replace BEFORE INSERT ON ${table}
WHEN EXISTS (SELECT 1 FROM ${table} WHERE ${collides})
BEGIN
    SELECT RAISE(ABORT, 'append-only: row exists');
END
