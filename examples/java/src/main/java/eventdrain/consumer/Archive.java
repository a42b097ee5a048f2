package eventdrain.consumer;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.util.zip.GZIPInputStream;
import software.amazon.awssdk.services.s3.S3Client;

/** The archive in S3. */
final class Archive {
    // An endpoint on localhost has no host name for each bucket.
    private final S3Client s3 = S3Client.builder()
            .forcePathStyle(System.getenv("AWS_ENDPOINT_URL") != null)
            .build();

    /**
     * Read the line of an event that is too large for a message.
     *
     * <p>The message may arrive shortly before the object. A missing object is a failure like any
     * other: the message stays in the queue and is received again.
     */
    Line lineOf(Pointer pointer) throws IOException {
        var place = pointer.s3();
        try (InputStream object = s3.getObject(get -> get.bucket(place.bucket()).key(place.key()));
                var text = new InputStreamReader(new GZIPInputStream(object), UTF_8)) {
            return new BufferedReader(text).lines()
                    .map(line -> Event.JSON.readValue(line, Line.class))
                    .filter(line -> line.eventId().equals(pointer.eventId()))
                    .findFirst()
                    .orElseThrow();
        }
    }
}
