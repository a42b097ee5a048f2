-- Returns a subscription that has an event on the newest of the days from the first ? to the second.
SELECT subscription_id
FROM {stream}
WHERE dt BETWEEN ? AND ?
  AND subscription_id IS NOT NULL
ORDER BY dt DESC, event_id
LIMIT 1
