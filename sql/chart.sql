-- name: chart
-- purpose: one table of the charts of a batch of patients
-- params: k0 … (patient ids), from_date, to_date (the day after the last) where the table has a time
-- fills: {canonical} the pack's SELECT; {table}; {columns}; {keys} the binds; {dated} the condition on time
-- grain: one row per record
-- phi: everything the chart holds
WITH {canonical}
SELECT {columns}
FROM canonical_{table} t
WHERE t.patient_id IN ({keys}){dated}
