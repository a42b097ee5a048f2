-- Duplicates and redeliveries of {stream}
-- For each of the last 30 days: the lines of the archive, the events in them, how many lines are
-- copies of another one, and how many were redeliveries (marked by the server as sent before).
-- The rates are parts of all lines. A line of a day that has expired is not counted.
SELECT
  dt,
  lines,
  events,
  lines - events AS duplicates,
  CAST(lines - events AS double) / lines AS duplicate_rate,
  redelivered,
  CAST(redelivered AS double) / lines AS redelivered_rate
FROM (
  SELECT
    dt,
    count(*) AS lines,
    count(DISTINCT event_id) AS events,
    count_if(redelivered) AS redelivered
  FROM {stream}_lines
  WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  GROUP BY dt
) AS days
ORDER BY dt
