package eventdrain.consumer;

import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The ids of handled events, up to a limit.
 *
 * <p>They are lost at a restart, and each process has its own. A real consumer keeps them in its
 * database, and inserts an event's id in the transaction that writes the event's effect.
 */
final class HandledEvents {
    private static final int LIMIT = 100_000;
    private final Set<String> ids = new LinkedHashSet<>(); // iterates in the order of insertion

    boolean contains(String id) {
        return ids.contains(id);
    }

    void add(String id) {
        ids.add(id);
        if (ids.size() > LIMIT) {
            ids.remove(ids.iterator().next());
        }
    }
}
