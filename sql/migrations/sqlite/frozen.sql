-- name: frozen
-- purpose: after the study's lock its data tables take no more rows
-- params: $table (a table of our own metadata)
-- grain: one trigger per data table
-- phi: none
CREATE TRIGGER ${table}_frozen BEFORE INSERT ON ${table}
WHEN (SELECT kind FROM study_event WHERE kind IN ('lock', 'unlock') ORDER BY id DESC LIMIT 1) = 'lock'
BEGIN
    SELECT RAISE(ABORT, 'study locked: INSERT refused');
END
