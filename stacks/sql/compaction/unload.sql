-- Writes a day's events, each once, into a new folder.
--
-- It reads lines and compacted rows together, so it can run again at any time, even after lines were
-- deleted. `copies` is the number of lines, or the compacted row's `copies` if that is greater. Of an
-- event's copies, the one received first is kept; of those received at the same time, preferably one
-- that was not a redelivery.
--
-- UNLOAD is used because, according to Athena's documentation, it is the only statement that keeps ORDER
-- BY within each file; CREATE TABLE AS ignores it.
UNLOAD (
  SELECT
    event_id,
    copies,
    event_time,
    subscription_id,
    redelivered,
    received_at,
    {columns}
  FROM (
    SELECT
      event_id,
      greatest(sum(line) OVER (PARTITION BY event_id), max(copies) OVER (PARTITION BY event_id)) AS copies,
      event_time,
      subscription_id,
      redelivered,
      received_at,
      {columns},
      row_number() OVER (PARTITION BY event_id ORDER BY received_at, redelivered) AS place
    FROM (
      SELECT
        event_id,
        CAST(0 AS bigint) AS copies,
        CAST(from_iso8601_timestamp(event_time) AS timestamp(3)) AS event_time,
        subscription_id,
        redelivered,
        CAST(from_iso8601_timestamp(received_at) AS timestamp(3)) AS received_at,
        {fields},
        1 AS line
      FROM {stream}_lines
      WHERE dt = '{day}'
      UNION ALL
      SELECT
        event_id,
        copies,
        event_time,
        subscription_id,
        redelivered,
        received_at,
        {columns},
        0 AS line
      FROM {stream}_compacted
      WHERE dt = '{day}'
    )
  )
  WHERE place = 1
  ORDER BY subscription_id, event_time, event_id
)
TO '{tables}{stream}/dt={day}/{run}/'
WITH (format = 'PARQUET', compression = 'GZIP')
