-- Counts what `unload` wrote: the rows and their distinct events.
SELECT count(*) AS written_rows, count(DISTINCT event_id) AS written_events
FROM compaction_candidates
WHERE event_type = '{stream}'
  AND dt = '{day}'
  AND run = '{run}'
