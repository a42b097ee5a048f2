"""Drains a mobile operator's event streams over gRPC to S3 and SQS, and acks the events.

One run is one *drain* of one stream within one *window*. Start reading with ``drain.drain`` and
``drain.commit``.
"""
