-- Writes the other subscribers' rows of a day into a new folder, sorted as `unload` of compaction does.
-- {columns} are the columns that the table has in Glue.
UNLOAD (
  SELECT
    {columns}
  FROM {stream}_compacted
  WHERE dt = '{day}'
    AND NOT {condition}
  ORDER BY subscription_id, event_time, event_id
)
TO '{folder}'
WITH (format = 'PARQUET', compression = 'GZIP')
