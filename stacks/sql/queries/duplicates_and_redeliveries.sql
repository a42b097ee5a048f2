-- Duplicates and redeliveries of {stream}
-- For each of the last 30 days: the number of lines in the archive, of distinct events, of duplicate
-- lines, and of lines that the server marked as redelivered. The rates are shares of all lines.
-- Deleted lines are not counted.
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
