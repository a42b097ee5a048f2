-- Model changes by TAC
-- The 100 most frequent changes between two handset models in the last 30 days. A model is a TAC: the
-- first eight digits of an IMEI.
SELECT
  substr(previous_imei, 1, 8) AS from_tac,
  substr(current_imei, 1, 8) AS to_tac,
  count(*) AS changes,
  count(DISTINCT subscription_id) AS subscriptions
FROM handset_change
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND substr(previous_imei, 1, 8) <> substr(current_imei, 1, 8)
GROUP BY 1, 2
ORDER BY changes DESC, from_tac, to_tac
LIMIT 100
