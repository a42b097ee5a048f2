package eventdrain.consumer;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.ReentrantLock;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.model.DeleteMessageBatchRequestEntry;
import software.amazon.awssdk.services.sqs.model.Message;
import software.amazon.awssdk.services.sqs.model.MessageAttributeValue;

/** Reads the stack's queue until SIGTERM. QUEUE_URL is the stack's output OutboxQueueUrl. */
final class Consumer {
    private static final String QUEUE_URL = System.getenv("QUEUE_URL");
    private final SqsClient sqs = SqsClient.create();
    private final Archive archive = new Archive();
    private final Handler handler = new Handler();
    private final HandledEvents handled = new HandledEvents();
    private final ReentrantLock working = new ReentrantLock();
    private volatile boolean isStopping;

    public static void main(String[] arguments) {
        if (QUEUE_URL == null) {
            throw new IllegalStateException(
                    "QUEUE_URL is not set. To fix this, set it to the queue's URL.");
        }
        var consumer = new Consumer();
        Runtime.getRuntime().addShutdownHook(new Thread(consumer::stop));
        consumer.run();
    }

    private void run() {
        while (true) {
            List<Message> messages = receive();
            working.lock();
            try {
                delete(messages.stream().filter(this::handleMessage).toList());
            } finally {
                working.unlock();
            }
        }
    }

    /** Wait for the message in progress, and keep the lock: when this returns, the JVM ends. */
    private void stop() {
        isStopping = true; // SQS delivers the remaining messages again
        working.lock();
    }

    /** Wait up to 20 seconds for messages. All must be handled within the visibility timeout. */
    private List<Message> receive() {
        return sqs.receiveMessage(request -> request
                .queueUrl(QUEUE_URL)
                .maxNumberOfMessages(10)
                .messageAttributeNames("All")
                .waitTimeSeconds(20)).messages();
    }

    /** Handle the events of a message, one or several. Returns whether all were handled. */
    private boolean handleMessage(Message message) {
        if (isStopping) {
            return false;
        }
        boolean allHandled = true;
        for (String part : message.body().split("\n")) {
            try {
                handlePart(part, message.messageAttributes());
            } catch (IOException | RuntimeException error) {
                allHandled = false; // go on with the others: later they are duplicates
                String name = error.getClass().getSimpleName(); // its message may quote the event
                System.err.printf("failed message %s: %s%n", message.messageId(), name);
            }
        }
        return allHandled;
    }

    private void handlePart(String part, Map<String, MessageAttributeValue> attributes)
            throws IOException {
        Event event = Event.parse(part);
        if (handled.contains(event.eventId())) {
            System.out.printf("duplicate %s %s%n", event.eventType(), event.eventId());
            return;
        }
        String replay = value(attributes, "replayed");
        if (event instanceof Line line) {
            handler.handle(line, replay);
        } else if (event instanceof Pointer pointer) {
            if ("quarantine".equals(value(attributes, "pointer"))) {
                handler.quarantined(pointer);
            } else {
                handler.handle(archive.lineOf(pointer), replay);
            }
        }
        handled.add(event.eventId());
    }

    private static String value(Map<String, MessageAttributeValue> attributes, String name) {
        MessageAttributeValue attribute = attributes.get(name);
        return attribute == null ? null : attribute.stringValue();
    }

    /** Delete messages. One that SQS fails to delete is received again; its events are duplicates. */
    private void delete(List<Message> messages) {
        if (messages.isEmpty()) {
            return;
        }
        List<DeleteMessageBatchRequestEntry> entries = messages.stream()
                .map(message -> DeleteMessageBatchRequestEntry.builder()
                        .id(message.messageId())
                        .receiptHandle(message.receiptHandle())
                        .build())
                .toList();
        sqs.deleteMessageBatch(request -> request.queueUrl(QUEUE_URL).entries(entries));
    }
}
