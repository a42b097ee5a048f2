import { gunzipSync } from "node:zlib";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import type { Line, Pointer } from "./message.js";

// An endpoint on localhost has no host name for each bucket.
const s3 = new S3Client({ forcePathStyle: Boolean(process.env.AWS_ENDPOINT_URL) });

/**
 * Read the line of an event that is too large for a message.
 *
 * The message may arrive shortly before the object. A missing object is a failure like any other:
 * the message stays in the queue and is received again.
 */
export async function lineOf({ event_id, s3: { bucket, key } }: Pointer): Promise<Line> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
  const text = gunzipSync(await Body!.transformToByteArray()).toString();
  const lines: Line[] = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  const found = lines.find((line) => line.event_id === event_id);
  if (!found) throw new Error(`${key} has no line of event ${event_id}.`);
  return found;
}
