-- name: count_voided_order
-- purpose: drug and treatment orders that were voided (ORDER_STATUS 4)
-- params: none
-- grain: one row, one column n
-- phi: none
SELECT COUNT(*) AS n
FROM orders o
WHERE o.order_class IN ('A', 'B') AND o.order_status = '4'
