-- Today's handset changes
-- All events of today (UTC) with the handsets before and after, the earliest first. The columns of an
-- unknown previous handset are null.
SELECT
  event_time,
  subscription_id,
  number,
  imsi,
  previous_imei,
  previous_software_version,
  current_imei,
  current_software_version
FROM handset_change
WHERE dt = date_format(current_date, '%Y-%m-%d')
ORDER BY event_time, event_id
