package eventdrain.consumer;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.PropertyNamingStrategies;
import tools.jackson.databind.json.JsonMapper;

/** A part of a message: an event's line, or a pointer to the event in S3. */
sealed interface Event permits Line, Pointer {
    JsonMapper JSON = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .build();

    /** The same for every delivery of the event. */
    String eventId();

    /** The stream. */
    String eventType();

    static Event parse(String json) {
        JsonNode node = JSON.readTree(json);
        Class<? extends Event> type = node.has("s3") ? Pointer.class : Line.class;
        return JSON.treeToValue(node, type);
    }
}
