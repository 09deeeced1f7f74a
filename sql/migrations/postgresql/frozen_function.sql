-- name: frozen_function
-- purpose: what the lock triggers call; refuses a new row while the study is locked
-- params: none
-- grain: one function per schema
-- phi: none
CREATE FUNCTION cohortlock_frozen() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    IF (SELECT kind FROM study_event WHERE kind IN (''lock'', ''unlock'') ORDER BY id DESC LIMIT 1) = ''lock'' THEN
        RAISE EXCEPTION ''study locked: INSERT refused'' USING ERRCODE = ''integrity_constraint_violation'';
    END IF;
    RETURN NEW;
END'
