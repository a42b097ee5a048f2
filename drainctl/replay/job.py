"""The replay job, from the options and, for what they omit, from the stack."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from eventdrain.events import STREAMS
from eventdrain.replay import ReplayJob

if TYPE_CHECKING:
    from drainctl.stack import Stack
    from eventdrain.replay import Selection

_DEFAULT_PREFIX: Final = "events"


def job_of(
    selection: Selection,
    *,
    stack: Stack | None,
    bucket: str | None,
    prefix: str | None,
    queue_url: str | None,
    events_per_message: int | None,
    needs_queue: bool,
    rate: float,
) -> ReplayJob:
    """Return the job that sends the selected events.

    Args:
        selection: The selection. If it has no event types, those of the stack apply, or else all.
        stack: The stack; may be None.
        bucket: Overrides the stack's bucket.
        prefix: Overrides the stack's key prefix.
        queue_url: Overrides the stack's queues, for all streams.
        events_per_message: Overrides the stack's parameter.
        needs_queue: Whether messages will be sent.
        rate: Events per second; 0 for no limit.

    Raises:
        click.UsageError: Neither options nor stack name a bucket or a queue.
        StackError: The stack lacks an output or a parameter.
    """
    prefix = None if prefix is None else prefix.strip("/")
    if stack is None:
        if bucket is None or (queue_url is None and needs_queue):
            raise click.UsageError(
                "the archive or the queue is missing. To fix this, specify --stack-name, or both"
                " --bucket and --queue-url."
            )
        queue_urls = dict.fromkeys(selection.event_types or STREAMS, queue_url or "")
        prefix = prefix or _DEFAULT_PREFIX
    else:
        names = selection.event_types or stack.event_types
        queue_urls = dict.fromkeys(names, queue_url) if queue_url else stack.queue_urls(names)
        bucket, prefix = bucket or stack.bucket, prefix or stack.prefix
        if events_per_message is None:
            hint = "specify --events-per-message"
            events_per_message = int(stack.parameter("EventsPerMessage", hint))
    return ReplayJob(
        selection=replace(selection, event_types=tuple(queue_urls)),
        rate=rate,
        is_dry_run=False,
        archive_hint="check --stack-name, --bucket and --prefix, --profile and --region, and that"
        " you have the permissions s3:ListBucket and s3:GetObject there",
        queue_hint="check --queue-url or --stack-name, --profile and --region, and that you have"
        " the permission sqs:SendMessage for it and may use the key that encrypts it",
        bucket=bucket,
        prefix=prefix,
        queue_urls=queue_urls,
        events_per_message=events_per_message or 1,
    )
