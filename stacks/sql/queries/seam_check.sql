-- Consistency check of {stream}
-- The days on which the view does not contain each event of the lines and of the compacted table
-- exactly once. No row means that the view is consistent. It reads all days.
SELECT
  dt,
  coalesce(expected, 0) AS expected,
  coalesce(found, 0) AS "rows",
  coalesce(ids, 0) AS ids
FROM (
  SELECT
    dt,
    count(DISTINCT event_id) AS expected
  FROM (
    SELECT dt, event_id FROM {stream}_lines
    UNION ALL
    SELECT dt, event_id FROM {stream}_compacted
  ) AS sources
  GROUP BY dt
) AS archived
FULL JOIN (
  SELECT
    dt,
    count(*) AS found,
    count(DISTINCT event_id) AS ids
  FROM {stream}
  GROUP BY dt
) AS seen USING (dt)
WHERE coalesce(expected, 0) <> coalesce(found, 0)
  OR coalesce(expected, 0) <> coalesce(ids, 0)
ORDER BY dt
