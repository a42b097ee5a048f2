"""Drains a mobile operator's event stream: from gRPC to S3 and SQS, then acknowledged.

One run is one *drain* over one stream within one *window*. Read ``drain`` first, then ``commit``:
the rest serves these two.
"""
