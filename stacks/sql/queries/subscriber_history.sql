-- A subscriber's history
-- All handset changes of one subscription, the earliest first, with the number of lines that the
-- archive contains for each event.
-- Parameter subscription_id: the subscription, as a string in single quotes.
SELECT
  event_time,
  previous_imei,
  previous_software_version,
  current_imei,
  current_software_version,
  imsi,
  number,
  copies
FROM handset_change
WHERE subscription_id = ?
ORDER BY event_time, event_id, dt
