-- SIMs that moved often
-- SIMs that moved to another handset more than a given number of times on one day (UTC), in the
-- last 30 days, most moves first, with the number of different handsets.
-- Parameter more_than: the number of moves that a SIM must exceed on a day, such as 3.
SELECT
  dt,
  imsi,
  changes,
  handsets
FROM (
  SELECT
    dt,
    imsi,
    count(*) AS changes,
    count(DISTINCT current_imei) AS handsets
  FROM handset_change
  WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
    AND previous_imei <> current_imei
    AND imsi IS NOT NULL
  GROUP BY dt, imsi
) AS days
WHERE changes > ?
ORDER BY changes DESC, dt, imsi
