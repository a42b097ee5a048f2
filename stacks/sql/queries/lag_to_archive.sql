-- Lag to the archive of {stream}
-- For each of the last 30 days: the seconds between an event and its first arrival. Events without a
-- time are excluded. The median and the 95th percentile are approximate.
SELECT
  dt,
  count(*) AS events,
  approx_percentile(seconds, 0.5) AS median_seconds,
  approx_percentile(seconds, 0.95) AS p95_seconds,
  max(seconds) AS greatest_seconds
FROM (
  SELECT
    dt,
    CAST(date_diff('millisecond', event_time, received_at) AS double) / 1000 AS seconds
  FROM {stream}
  WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
    AND event_time IS NOT NULL
) AS lags
GROUP BY dt
ORDER BY dt
