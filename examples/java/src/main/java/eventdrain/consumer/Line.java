package eventdrain.consumer;

import java.time.Instant;
import tools.jackson.databind.JsonNode;

/** An event: see docs/formats.md. It is personal data: don't log it. */
record Line(
        String eventId,
        String eventType,
        Instant eventTime,
        String subscriptionId,
        boolean redelivered,
        Instant receivedAt,
        JsonNode event,
        String raw) implements Event {}
