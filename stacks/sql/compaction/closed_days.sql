-- Returns the days of the compacted table as one string, separated by commas. Without days it returns
-- 'none', because an empty string could be mistaken for a missing value.
SELECT coalesce(array_join(array_agg(dt), ','), 'none') AS days
FROM "{stream}_compacted$partitions"
