package eventdrain.consumer;

import java.time.Instant;

/** The location of an event that is not in the message. The subscription id is personal data. */
record Pointer(
        String eventId,
        String eventType,
        Instant eventTime,
        String subscriptionId,
        boolean redelivered,
        Instant receivedAt,
        Location s3) implements Event {
    record Location(String bucket, String key) {}
}
