import type { Line, Pointer } from "./message.js";

/**
 * The ids of handled events, up to a limit.
 *
 * They are lost at a restart, and each process has its own. A real consumer keeps them in its
 * database, and inserts an event's id in the transaction that writes the event's effect.
 */
class HandledEvents {
  readonly #ids = new Set<string>(); // it iterates in the order of insertion
  readonly #limit = 100_000;

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  add(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size > this.#limit) this.#ids.delete(this.#ids.values().next().value!);
  }
}

export const handled = new HandledEvents();

/**
 * Handle an event: put your code here. If it throws, the message stays in the queue.
 *
 * `switch (line.event_type)` narrows `line.event` to the stream's type. It is personal data: don't
 * log it.
 *
 * @param replay The name of the replay that sent the event again. An event that was handled before
 * is a duplicate in a replay too: to handle it once more, first remove its id.
 */
export async function handle(line: Line, replay?: string): Promise<void> {
  console.log(`handled ${line.event_type} ${line.event_id}${replay ? ` replay ${replay}` : ""}`);
}

/** Report an event that can't become a line. Its original message is in S3. */
export function quarantined({ event_type, event_id, s3 }: Pointer): void {
  console.log(`quarantined ${event_type} ${event_id} s3://${s3.bucket}/${s3.key}`);
}
