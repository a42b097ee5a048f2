"""Written by `make template` from protos/: the lines of each stream, for pyarrow."""

import pyarrow as pa

MARK = pa.struct([("_", pa.string())])  # "{}": a message without fields
LINES = {
  "handset_change": pa.schema([
    ("event_id", pa.string()),
    ("event_type", pa.string()),
    ("event_time", pa.string()),
    ("subscription_id", pa.string()),
    ("redelivered", pa.bool_()),
    ("received_at", pa.string()),
    ("event", pa.struct([
      ("previous", pa.struct([
        ("imei_sv", pa.struct([
          ("imei", pa.string()),
          ("software_version", pa.string())
        ]))
      ])),
      ("current", pa.struct([
        ("imei_sv", pa.struct([
          ("imei", pa.string()),
          ("software_version", pa.string())
        ]))
      ])),
      ("imsi", pa.struct([("value", pa.string())])),
      ("number", pa.struct([("e164", pa.string())]))
    ])),
    ("raw", pa.string()),
    ("dt", pa.string())
  ]),
  "country_change": pa.schema([
    ("event_id", pa.string()),
    ("event_type", pa.string()),
    ("event_time", pa.string()),
    ("subscription_id", pa.string()),
    ("redelivered", pa.bool_()),
    ("received_at", pa.string()),
    ("event", pa.struct([
      ("previous", pa.struct([("code", pa.string()), ("name", pa.string())])),
      ("current", pa.struct([("code", pa.string()), ("name", pa.string())])),
      ("number", pa.struct([("e164", pa.string())]))
    ])),
    ("raw", pa.string()),
    ("dt", pa.string())
  ]),
  "first_attachment": pa.schema([
    ("event_id", pa.string()),
    ("event_type", pa.string()),
    ("event_time", pa.string()),
    ("subscription_id", pa.string()),
    ("redelivered", pa.bool_()),
    ("received_at", pa.string()),
    ("event", pa.struct([
      ("number", pa.struct([("e164", pa.string())])),
      ("imsi", pa.struct([("value", pa.string())]))
    ])),
    ("raw", pa.string()),
    ("dt", pa.string())
  ]),
  "periodic_country": pa.schema([
    ("event_id", pa.string()),
    ("event_type", pa.string()),
    ("event_time", pa.string()),
    ("subscription_id", pa.string()),
    ("redelivered", pa.bool_()),
    ("received_at", pa.string()),
    ("event", pa.struct([
      ("number", pa.struct([("e164", pa.string())])),
      ("imsi", pa.struct([("value", pa.string())])),
      ("country", pa.struct([("code", pa.string()), ("name", pa.string())]))
    ])),
    ("raw", pa.string()),
    ("dt", pa.string())
  ]),
  "consent_change": pa.schema([
    ("event_id", pa.string()),
    ("event_type", pa.string()),
    ("event_time", pa.string()),
    ("subscription_id", pa.string()),
    ("redelivered", pa.bool_()),
    ("received_at", pa.string()),
    ("event", pa.struct([
      ("added", pa.struct([("scopes", pa.list_(pa.string()))])),
      ("updated", pa.struct([("scopes", pa.list_(pa.string()))])),
      ("revoked", MARK),
      ("number", pa.struct([("e164", pa.string())])),
      ("tenant", pa.string())
    ])),
    ("raw", pa.string()),
    ("dt", pa.string())
  ])
}
