-- Counts a day before its compaction: the distinct events in lines and compacted rows together, the
-- compacted rows and their distinct events, the lines, and the sum of the compacted rows' copies.
SELECT
  count(DISTINCT event_id) AS events,
  coalesce(sum(compacted), 0) AS compacted_rows,
  count(DISTINCT IF(compacted = 1, event_id)) AS compacted_events,
  coalesce(sum(1 - compacted), 0) AS lines,
  coalesce(sum(copies), 0) AS copies
FROM (
  SELECT event_id, 0 AS compacted, CAST(0 AS bigint) AS copies
  FROM {stream}_lines
  WHERE dt = '{day}'
  UNION ALL
  SELECT event_id, 1 AS compacted, copies
  FROM {stream}_compacted
  WHERE dt = '{day}'
)
