-- Software updates
-- Handsets that reported a new software version in the last 30 days, the earliest first.
SELECT
  event_time,
  subscription_id,
  current_imei AS imei,
  previous_software_version AS from_version,
  current_software_version AS to_version
FROM handset_change
WHERE dt >= date_format(current_date - INTERVAL '30' DAY, '%Y-%m-%d')
  AND previous_imei = current_imei
  AND previous_software_version <> current_software_version
ORDER BY event_time, event_id, dt
