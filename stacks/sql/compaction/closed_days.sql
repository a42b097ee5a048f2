-- Lists the days that the compacted table has: one row, one text, with commas between the days.
-- The text is never empty, because an empty text may look like none at all: without days it is 'none'.
SELECT coalesce(array_join(array_agg(dt), ','), 'none') AS days
FROM "{stream}_compacted$partitions"
