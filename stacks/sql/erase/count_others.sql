-- Counts the other subscribers' rows of a day, and their distinct events.
SELECT count(*) AS rows_left, count(DISTINCT event_id) AS events
FROM {stream}_compacted
WHERE dt = '{day}'
  AND NOT {condition}
