-- SIMs that moved often
-- SIMs that went into another handset more often than so many times on one day (UTC), in the last
-- 30 days, the most restless first, with the number of different handsets that they went to.
-- Parameter more_than: how many changes on a day are not yet many, such as 3.
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
