package io.espalier.spine.trace;

import java.util.List;
import java.util.function.Consumer;

/** Does something with each of many, whatever it throws for one of them. */
final class Each {

    private Each() {}

    /** Throws what was thrown last, once all have had their turn. */
    static <T> void of(List<T> all, Consumer<? super T> action) {
        of(all, 0, action);
    }

    private static <T> void of(List<T> all, int from, Consumer<? super T> action) {
        for (int i = from; i < all.size(); i++) {
            boolean done = false;
            try {
                action.accept(all.get(i));
                done = true;
            } finally {
                if (!done) {
                    of(all, i + 1, action);
                }
            }
        }
    }
}
