package eventdrain.consumer;

/** What to do with events: put your code here. */
final class Handler {
    /**
     * Handle an event. If this throws, the message stays in the queue.
     *
     * @param replay The name of the replay that sent the event again, or null. An event that was
     *     handled before is a duplicate in a replay too: to handle it once more, first remove its id.
     */
    void handle(Line line, String replay) {
        String suffix = replay == null ? "" : " replay " + replay;
        System.out.printf("handled %s %s%s%n", line.eventType(), line.eventId(), suffix);
    }

    /** Report an event that can't become a line. Its original message is in S3. */
    void quarantined(Pointer pointer) {
        Pointer.Location s3 = pointer.s3();
        System.out.printf("quarantined %s %s s3://%s/%s%n",
                pointer.eventType(), pointer.eventId(), s3.bucket(), s3.key());
    }
}
