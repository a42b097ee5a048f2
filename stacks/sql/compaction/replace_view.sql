-- Creates the view of all events of a stream, each once, with {since} as its cutover day.
--
-- Days before {since} are closed: the view reads them from the compacted table alone. From {since} on
-- it also reads lines, except those of events that the compacted table has. So the view is correct if
-- all lines of the days before {since} are compacted.
--
-- Athena prunes partitions when it plans a query. For this, each condition on dt compares it with a
-- constant string, and the windows are partitioned by dt, so that a query's condition on dt is pushed down.
CREATE OR REPLACE VIEW {stream} AS
SELECT
  event_id,
  copies,
  event_time,
  subscription_id,
  redelivered,
  received_at,
  {columns},
  dt
FROM {stream}_compacted
UNION ALL
SELECT
  event_id,
  copies,
  event_time,
  subscription_id,
  redelivered,
  received_at,
  {columns},
  dt
FROM (
  SELECT
    event_id,
    event_time,
    subscription_id,
    redelivered,
    received_at,
    {columns},
    dt,
    count(*) OVER (PARTITION BY dt, event_id) AS copies,
    row_number() OVER (PARTITION BY dt, event_id ORDER BY received_at, redelivered) AS place
  FROM (
    SELECT
      event_id,
      CAST(from_iso8601_timestamp(event_time) AS timestamp(3)) AS event_time,
      subscription_id,
      redelivered,
      CAST(from_iso8601_timestamp(received_at) AS timestamp(3)) AS received_at,
      {fields},
      dt
    FROM {stream}_lines
    WHERE dt >= '{since}'
  )
) AS line
WHERE place = 1
  AND NOT EXISTS (
    SELECT 1
    FROM {stream}_compacted AS compacted
    WHERE compacted.dt = line.dt
      AND compacted.event_id = line.event_id
      AND compacted.dt >= '{since}'
  )
