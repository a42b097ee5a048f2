"""Written by `make template` from protos/: the lines of each stream, for polars."""

import polars as pl

MARK = pl.Struct({"_": pl.String})  # "{}": a message without fields
LINES = {
  "handset_change": pl.Schema({
    "event_id": pl.String,
    "event_type": pl.String,
    "event_time": pl.String,
    "subscription_id": pl.String,
    "redelivered": pl.Boolean,
    "received_at": pl.String,
    "event": pl.Struct({
      "previous": pl.Struct({
        "imei_sv": pl.Struct({
          "imei": pl.String,
          "software_version": pl.String
        })
      }),
      "current": pl.Struct({
        "imei_sv": pl.Struct({
          "imei": pl.String,
          "software_version": pl.String
        })
      }),
      "imsi": pl.Struct({"value": pl.String}),
      "number": pl.Struct({"e164": pl.String})
    }),
    "raw": pl.String
  }),
  "country_change": pl.Schema({
    "event_id": pl.String,
    "event_type": pl.String,
    "event_time": pl.String,
    "subscription_id": pl.String,
    "redelivered": pl.Boolean,
    "received_at": pl.String,
    "event": pl.Struct({
      "previous": pl.Struct({"code": pl.String, "name": pl.String}),
      "current": pl.Struct({"code": pl.String, "name": pl.String}),
      "number": pl.Struct({"e164": pl.String})
    }),
    "raw": pl.String
  }),
  "first_attachment": pl.Schema({
    "event_id": pl.String,
    "event_type": pl.String,
    "event_time": pl.String,
    "subscription_id": pl.String,
    "redelivered": pl.Boolean,
    "received_at": pl.String,
    "event": pl.Struct({
      "number": pl.Struct({"e164": pl.String}),
      "imsi": pl.Struct({"value": pl.String})
    }),
    "raw": pl.String
  }),
  "periodic_country": pl.Schema({
    "event_id": pl.String,
    "event_type": pl.String,
    "event_time": pl.String,
    "subscription_id": pl.String,
    "redelivered": pl.Boolean,
    "received_at": pl.String,
    "event": pl.Struct({
      "number": pl.Struct({"e164": pl.String}),
      "imsi": pl.Struct({"value": pl.String}),
      "country": pl.Struct({"code": pl.String, "name": pl.String})
    }),
    "raw": pl.String
  }),
  "consent_change": pl.Schema({
    "event_id": pl.String,
    "event_type": pl.String,
    "event_time": pl.String,
    "subscription_id": pl.String,
    "redelivered": pl.Boolean,
    "received_at": pl.String,
    "event": pl.Struct({
      "added": pl.Struct({"scopes": pl.List(pl.String)}),
      "updated": pl.Struct({"scopes": pl.List(pl.String)}),
      "revoked": MARK,
      "number": pl.Struct({"e164": pl.String}),
      "tenant": pl.String
    }),
    "raw": pl.String
  })
}
