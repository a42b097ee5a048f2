-- Written by `make template` from protos/: the lines of each stream, for ClickHouse.
CREATE OR REPLACE FUNCTION handset_change_line AS () -> '
  `event_id` Nullable(String),
  `event_type` Nullable(String),
  `event_time` Nullable(String),
  `subscription_id` Nullable(String),
  `redelivered` Nullable(Bool),
  `received_at` Nullable(String),
  `event` Nullable(Tuple(
    `previous` Nullable(Tuple(
      `imei_sv` Nullable(Tuple(
        `imei` Nullable(String),
        `software_version` Nullable(String)
      ))
    )),
    `current` Nullable(Tuple(
      `imei_sv` Nullable(Tuple(
        `imei` Nullable(String),
        `software_version` Nullable(String)
      ))
    )),
    `imsi` Nullable(Tuple(`value` Nullable(String))),
    `number` Nullable(Tuple(`e164` Nullable(String)))
  )),
  `raw` Nullable(String)
';

CREATE OR REPLACE FUNCTION country_change_line AS () -> '
  `event_id` Nullable(String),
  `event_type` Nullable(String),
  `event_time` Nullable(String),
  `subscription_id` Nullable(String),
  `redelivered` Nullable(Bool),
  `received_at` Nullable(String),
  `event` Nullable(Tuple(
    `previous` Nullable(Tuple(`code` Nullable(String), `name` Nullable(String))),
    `current` Nullable(Tuple(`code` Nullable(String), `name` Nullable(String))),
    `number` Nullable(Tuple(`e164` Nullable(String)))
  )),
  `raw` Nullable(String)
';

CREATE OR REPLACE FUNCTION first_attachment_line AS () -> '
  `event_id` Nullable(String),
  `event_type` Nullable(String),
  `event_time` Nullable(String),
  `subscription_id` Nullable(String),
  `redelivered` Nullable(Bool),
  `received_at` Nullable(String),
  `event` Nullable(Tuple(
    `number` Nullable(Tuple(`e164` Nullable(String))),
    `imsi` Nullable(Tuple(`value` Nullable(String)))
  )),
  `raw` Nullable(String)
';

CREATE OR REPLACE FUNCTION periodic_country_line AS () -> '
  `event_id` Nullable(String),
  `event_type` Nullable(String),
  `event_time` Nullable(String),
  `subscription_id` Nullable(String),
  `redelivered` Nullable(Bool),
  `received_at` Nullable(String),
  `event` Nullable(Tuple(
    `number` Nullable(Tuple(`e164` Nullable(String))),
    `imsi` Nullable(Tuple(`value` Nullable(String))),
    `country` Nullable(Tuple(`code` Nullable(String), `name` Nullable(String)))
  )),
  `raw` Nullable(String)
';

CREATE OR REPLACE FUNCTION consent_change_line AS () -> '
  `event_id` Nullable(String),
  `event_type` Nullable(String),
  `event_time` Nullable(String),
  `subscription_id` Nullable(String),
  `redelivered` Nullable(Bool),
  `received_at` Nullable(String),
  `event` Nullable(Tuple(
    `added` Nullable(Tuple(`scopes` Array(String))),
    `updated` Nullable(Tuple(`scopes` Array(String))),
    `revoked` Nullable(String),
    `number` Nullable(Tuple(`e164` Nullable(String))),
    `tenant` Nullable(String)
  )),
  `raw` Nullable(String)
';
