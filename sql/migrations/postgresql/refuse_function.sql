-- name: refuse_function
-- purpose: what the append-only triggers call; refuses whatever was tried
-- params: none
-- grain: one function per schema
-- phi: none
CREATE FUNCTION cohortlock_refuse() RETURNS trigger LANGUAGE plpgsql AS '
BEGIN
    RAISE EXCEPTION ''append-only: % refused'', TG_OP USING ERRCODE = ''integrity_constraint_violation'';
END'
