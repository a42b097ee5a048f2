-- Written by `make template` from protos/: the lines of each stream, for DuckDB.
CREATE OR REPLACE MACRO handset_change_lines(files) AS TABLE
FROM read_json(
  files,
  format = 'newline_delimited',
  hive_types_autocast = false,
  columns = {
    event_id: 'VARCHAR',
    event_type: 'VARCHAR',
    event_time: 'VARCHAR',
    subscription_id: 'VARCHAR',
    redelivered: 'BOOLEAN',
    received_at: 'VARCHAR',
    event: 'STRUCT(
      "previous" STRUCT(
        "imei_sv" STRUCT("imei" VARCHAR, "software_version" VARCHAR)
      ),
      "current" STRUCT(
        "imei_sv" STRUCT("imei" VARCHAR, "software_version" VARCHAR)
      ),
      "imsi" STRUCT("value" VARCHAR),
      "number" STRUCT("e164" VARCHAR)
    )',
    raw: 'VARCHAR'
  }
);

CREATE OR REPLACE MACRO country_change_lines(files) AS TABLE
FROM read_json(
  files,
  format = 'newline_delimited',
  hive_types_autocast = false,
  columns = {
    event_id: 'VARCHAR',
    event_type: 'VARCHAR',
    event_time: 'VARCHAR',
    subscription_id: 'VARCHAR',
    redelivered: 'BOOLEAN',
    received_at: 'VARCHAR',
    event: 'STRUCT(
      "previous" STRUCT("code" VARCHAR, "name" VARCHAR),
      "current" STRUCT("code" VARCHAR, "name" VARCHAR),
      "number" STRUCT("e164" VARCHAR)
    )',
    raw: 'VARCHAR'
  }
);

CREATE OR REPLACE MACRO first_attachment_lines(files) AS TABLE
FROM read_json(
  files,
  format = 'newline_delimited',
  hive_types_autocast = false,
  columns = {
    event_id: 'VARCHAR',
    event_type: 'VARCHAR',
    event_time: 'VARCHAR',
    subscription_id: 'VARCHAR',
    redelivered: 'BOOLEAN',
    received_at: 'VARCHAR',
    event: 'STRUCT(
      "number" STRUCT("e164" VARCHAR),
      "imsi" STRUCT("value" VARCHAR)
    )',
    raw: 'VARCHAR'
  }
);

CREATE OR REPLACE MACRO periodic_country_lines(files) AS TABLE
FROM read_json(
  files,
  format = 'newline_delimited',
  hive_types_autocast = false,
  columns = {
    event_id: 'VARCHAR',
    event_type: 'VARCHAR',
    event_time: 'VARCHAR',
    subscription_id: 'VARCHAR',
    redelivered: 'BOOLEAN',
    received_at: 'VARCHAR',
    event: 'STRUCT(
      "number" STRUCT("e164" VARCHAR),
      "imsi" STRUCT("value" VARCHAR),
      "country" STRUCT("code" VARCHAR, "name" VARCHAR)
    )',
    raw: 'VARCHAR'
  }
);

CREATE OR REPLACE MACRO consent_change_lines(files) AS TABLE
FROM read_json(
  files,
  format = 'newline_delimited',
  hive_types_autocast = false,
  columns = {
    event_id: 'VARCHAR',
    event_type: 'VARCHAR',
    event_time: 'VARCHAR',
    subscription_id: 'VARCHAR',
    redelivered: 'BOOLEAN',
    received_at: 'VARCHAR',
    event: 'STRUCT(
      "added" STRUCT("scopes" VARCHAR[]),
      "updated" STRUCT("scopes" VARCHAR[]),
      "revoked" MAP(VARCHAR, VARCHAR),
      "number" STRUCT("e164" VARCHAR),
      "tenant" VARCHAR
    )',
    raw: 'VARCHAR'
  }
);
