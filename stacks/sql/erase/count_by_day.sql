-- Counts a subscriber's rows in a compacted table, by day. {condition} is true of these rows.
SELECT dt, count(*) AS found
FROM {stream}_compacted
WHERE {condition}
GROUP BY dt
ORDER BY dt
