// Reads the stack's queue until SIGTERM or SIGINT. QUEUE_URL is the stack's output OutboxQueueUrl.

import {
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  SQSClient,
  type Message,
} from "@aws-sdk/client-sqs";
import { lineOf } from "./archive.js";
import { handle, handled, quarantined } from "./handler.js";
import type { Line, Pointer } from "./message.js";

const QueueUrl = process.env.QUEUE_URL;
if (!QueueUrl) throw new Error("QUEUE_URL is not set. To fix this, set it to the queue's URL.");

const sqs = new SQSClient();
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => stop.abort());

while (!stop.signal.aborted) {
  const done: Message[] = [];
  for (const message of await receive()) {
    if (stop.signal.aborted) break; // SQS delivers the remaining messages again
    if (await handleMessage(message)) done.push(message);
  }
  await remove(done);
}

/** Wait up to 20 seconds for messages. All must be handled within the visibility timeout. */
async function receive(): Promise<Message[]> {
  const command = new ReceiveMessageCommand({
    QueueUrl,
    MaxNumberOfMessages: 10,
    MessageAttributeNames: ["All"],
    WaitTimeSeconds: 20,
  });
  try {
    return (await sqs.send(command, { abortSignal: stop.signal })).Messages ?? [];
  } catch (error) {
    if (stop.signal.aborted) return [];
    throw error;
  }
}

/** Handle the events of a message, one or several. Returns whether all were handled. */
async function handleMessage(message: Message): Promise<boolean> {
  const { pointer, replayed } = message.MessageAttributes ?? {};
  let allHandled = true;
  for (const part of message.Body!.split("\n")) {
    try {
      const event: Line | Pointer = JSON.parse(part);
      if (handled.has(event.event_id)) {
        console.log(`duplicate ${event.event_type} ${event.event_id}`);
        continue;
      }
      if (!("s3" in event)) await handle(event, replayed?.StringValue);
      else if (pointer?.StringValue === "quarantine") quarantined(event);
      else await handle(await lineOf(event), replayed?.StringValue);
      handled.add(event.event_id);
    } catch (error) {
      allHandled = false; // go on with the others: later they are duplicates
      const name = error instanceof Error ? error.name : "error"; // its message may quote the event
      console.error(`failed message ${message.MessageId}: ${name}`);
    }
  }
  return allHandled;
}

/** Delete messages. One that SQS fails to delete is received again; its events are duplicates. */
async function remove(messages: Message[]): Promise<void> {
  if (messages.length === 0) return;
  const Entries = messages.map(({ MessageId: Id, ReceiptHandle }) => ({ Id, ReceiptHandle }));
  await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
}
