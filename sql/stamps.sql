-- name: stamps
-- purpose: a source table as the server's own stamps of its rows tell it: how many, their sum, how many are new since a sign was set, and the next sign
-- params: low (the sign: the oldest transaction that was still open at the last look; 0 where there was none)
-- fills: {table}; {stamp} the number of the transaction that wrote a row; {fresh} whether it is not older than the sign
-- grain: one row
-- phi: none
SELECT COUNT(*) AS n, CAST(SUM({stamp}) AS BIGINT) AS stamp,
       COUNT(*) FILTER (WHERE {fresh}) AS fresh,
       CAST(SUM({stamp}) FILTER (WHERE {fresh}) AS BIGINT) AS fresh_stamp,
       txid_snapshot_xmin(txid_current_snapshot()) AS low
FROM {table} t
